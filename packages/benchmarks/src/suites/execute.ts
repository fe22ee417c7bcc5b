import { Flow, FlowService, Noukai } from "@effect-noukai/sdk"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import { Noukai as Reference } from "@noukai/sdk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Agent, request } from "undici"
import { make as makeFetch } from "../../../sdk/src/internal/transport/fetch.js"
import { inFibers, inFlight } from "../InFlight.js"
import { startRawServer } from "../RawServer.js"
import { toPort } from "../referenceFetch.js"
import type { Group, Suite } from "../Suite.js"

const key = "nk_test_benchbnc_0123456789abcdef0123456789abcdef"
const message = "The cat sat on the mat."
const parameters = { difficulty: "hard" }

const Bench = Flow.make("bench/bench/flow", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") })
})

/** `FlowService.execute` against a bare undici call with `JSON.parse`, and against the official client. */
export const execute: Suite = {
  name: "execute",
  prepare: async () => {
    const server = await startRawServer()
    const agent = new Agent()
    const scope = await Effect.runPromise(Scope.make())
    const config = Layer.effect(
      NoukaiConfig.NoukaiConfig,
      NoukaiConfig.make({ apiKey: Redacted.make(key), baseUrl: `${server.origin}/api/v1` })
    )
    const service = async (http: typeof NoukaiHttp.layer) =>
      Context.get(
        await Effect.runPromise(
          Scope.extend(Layer.build(Noukai.layerOverHttp.pipe(Layer.provide(http), Layer.provide(config))), scope)
        ),
        FlowService
      )
    const flows = await service(NoukaiHttp.layer)
    const overFetch = await service(NoukaiHttp.layerTransport(makeFetch))
    const own = (flows: FlowService.Service): Effect.Effect<void, unknown> =>
      Effect.suspend(() => flows.execute(Bench, { message, parameters: { difficulty: "hard" } }))

    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
    const bare = async (): Promise<void> => {
      const response = await request(`${server.origin}/api/v1/seq/bench/bench/flow/execute`, {
        method: "POST",
        headers,
        body: JSON.stringify({ message, parameters, trace: false }),
        dispatcher: agent
      })
      const value = JSON.parse(await response.body.text()) as { readonly status?: unknown }
      if (value.status !== "completed") throw new Error("not a completed run")
    }

    const restore = toPort(server.port)
    const reference = new Reference({ apiKey: key, env: "dev" }).flow("bench/bench/flow")
    const official = async (): Promise<void> => {
      await reference.execute({ message, parameters })
    }

    const rows = (n: number) => [
      { name: "undici.request + JSON.parse", run: inFlight(n, 32 * n, bare) },
      { name: "@noukai/sdk 0.3.0", run: inFlight(n, 32 * n, official) },
      { name: "FlowService.execute", run: inFibers(n, 32 * n, own(flows)) },
      { name: "FlowService.execute over fetch", run: inFibers(n, 32 * n, own(overFetch)) }
    ]
    const groups = [1, 32].map((n): Group => ({
      name: `execute, ${n} in flight`,
      baselines: ["undici.request + JSON.parse", "@noukai/sdk 0.3.0"],
      rows: rows(n)
    }))
    return {
      groups,
      close: async () => {
        restore()
        await Effect.runPromise(Scope.close(scope, Exit.void))
        await agent.destroy()
        await server.close()
      }
    }
  }
}
