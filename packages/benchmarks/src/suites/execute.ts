import { Flow, type FlowService } from "@effect-noukai/sdk"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { Agent, request } from "undici"
import { apiKey, assertCompleted, message, parameters } from "../Fixtures.js"
import { inFibers, inFlight } from "../InFlight.js"
import { makeOfficialClient, official } from "../OfficialClient.js"
import { makeFlowService } from "../OwnClient.js"
import { plainExecute } from "../PlainClient.js"
import { startRawServer } from "../RawServer.js"
import { type ServerProcess, startServerProcess } from "../ServerProcess.js"
import type { Group, ProcessCost, Suite } from "../Suite.js"

const peer = "undici.request + JSON.parse"

const Bench = Flow.make("bench/bench/flow", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") })
})

/** `FlowService.execute` against a bare undici call with `JSON.parse`, the official client, and the least that Effect takes. */
export const execute: Suite = {
  name: "execute",
  apart: true,
  prepare: async () => {
    const server = await startRawServer()
    const agent = new Agent()
    const scope = await Effect.runPromise(Scope.make())
    const flows = await makeFlowService(server.origin, NoukaiHttp.layer, scope)
    const overFetch = await makeFlowService(server.origin, NoukaiHttp.layerFetch(globalThis.fetch), scope)
    const ours = (flows: FlowService.Service): Effect.Effect<void, unknown> =>
      Effect.suspend(() => flows.execute(Bench, { message, parameters }))

    const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" }
    const bare = async (): Promise<void> => {
      const response = await request(`${server.origin}/api/v1/seq/bench/bench/flow/execute`, {
        method: "POST",
        headers,
        body: JSON.stringify({ message, parameters, trace: false }),
        dispatcher: agent
      })
      assertCompleted(await response.body.text())
    }

    const { client, close: closeOfficial } = makeOfficialClient(server.port)
    const theirFlow = client.flow("bench/bench/flow")
    const theirs = async (): Promise<void> => {
      await theirFlow.execute({ message, parameters })
    }

    const plain = plainExecute(agent, {
      origin: server.origin,
      path: "/api/v1/seq/bench/bench/flow/execute",
      method: "POST",
      headers
    })

    const rows = (n: number) => [
      { name: peer, run: inFlight(n, 32 * n, bare) },
      { name: official, run: inFlight(n, 32 * n, theirs) },
      { name: "FlowService.execute", run: inFibers(n, 32 * n, ours(flows)) },
      { name: "FlowService.execute over fetch", run: inFibers(n, 32 * n, ours(overFetch)) },
      { name: "a client of Effect's own parts", run: inFibers(n, 32 * n, plain({ message, parameters })) }
    ]
    const groups = [1, 32].map((n): Group => ({
      name: `execute, ${n} in flight`,
      baselines: [peer, official],
      rows: rows(n)
    }))
    const processes: Array<ServerProcess> = []
    const start = async (clients: number): Promise<ChildProcess> => {
      const started = await startServerProcess("clientsProcess", server.origin, String(clients))
      processes.push(started)
      return started.process
    }
    const nameOf = (clients: number): string => clients === 1 ? "one client" : `${clients} clients in turn`
    const several: Group = {
      name: "execute, 32 in flight, in a process of its own",
      baselines: [nameOf(1)],
      isOfProcesses: true,
      rows: [1, 2, 8].map((clients) => {
        let started: Promise<ChildProcess> | undefined
        return {
          name: nameOf(clients),
          run: async () => {
            const process = await (started ??= start(clients))
            const answer = once(process, "message")
            process.send("run")
            return (await answer)[0] as ProcessCost
          }
        }
      })
    }
    return {
      groups: [...groups, several],
      close: async () => {
        closeOfficial()
        for (const { close } of processes) await close()
        await Effect.runPromise(Scope.close(scope, Exit.void))
        await agent.destroy()
        await server.close()
      }
    }
  }
}
