import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Agent, request } from "undici"
import { counting, EventCounter, floor, parsing } from "../EventCounting.js"
import { apiKey, type BenchStream, largeEvent, message, payloadsOf, streams } from "../Fixtures.js"
import { makeOfficialClient, official } from "../OfficialClient.js"
import { makeFlowService } from "../OwnClient.js"
import { startRawServer } from "../RawServer.js"
import type { Group, Row, Suite } from "../Suite.js"

const peer = "undici + eventsource-parser + JSON.parse"

/** `FlowService.events` against a bare parser on the same socket, and against the official client. */
export const events: Suite = {
  name: "events",
  apart: true,
  prepare: async () => {
    const server = await startRawServer()
    const agent = new Agent()
    const scope = await Effect.runPromise(Scope.make())
    const flows = await makeFlowService(server.origin, NoukaiHttp.layer, scope)
    const { client, close: closeOfficial } = makeOfficialClient(server.port)
    const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" }

    const bare = async (slug: string): Promise<number> => {
      const response = await request(`${server.origin}/api/v1/seq/bench/bench/${slug}/step`, {
        method: "POST",
        headers,
        body: JSON.stringify({ stepIndex: 0, accumulatedOutputs: {}, message, runRemaining: true }),
        dispatcher: agent
      })
      const counter = new EventCounter()
      for await (const chunk of response.body) counter.feed(chunk as Buffer)
      return counter.seen
    }

    const theirs = async (slug: string): Promise<number> => {
      let seen = 0
      for await (const event of client.flow(`bench/bench/${slug}`).events({ message, runRemaining: true })) {
        if (event.type !== undefined) seen++
      }
      return seen
    }

    const ours = (slug: string) => flows.events(`bench/bench/${slug}`, { message, runRemaining: true })

    const folded = (slug: string): Promise<number> =>
      Effect.runPromise(Stream.runFold(ours(slug), 0, (seen) => seen + 1))

    const each = (slug: string): Promise<number> =>
      Effect.runPromise(Effect.suspend(() => {
        let seen = 0
        return Effect.map(Stream.runForEach(ours(slug), () => Effect.sync(() => seen++)), () => seen)
      }))

    const row = (name: string, run: (slug: string) => Promise<number>, slug: string, expected: number): Row =>
      counting(name, expected, () => run(slug))

    const small = ({ events, slug }: BenchStream): ReadonlyArray<Row> => [
      row(peer, bare, slug, events),
      row(official, theirs, slug, events),
      row("FlowService.events, runFold", folded, slug, events),
      row("FlowService.events, runForEach", each, slug, events)
    ]
    const large = [
      parsing(payloadsOf(largeEvent(8 * 1024 * 1024))),
      row(peer, bare, "large", 3),
      row(official, theirs, "large", 3),
      row("FlowService.events, runFold", folded, "large", 3)
    ]
    const groups: ReadonlyArray<Group> = [
      ...Object.values(streams).map((stream) => ({
        name: stream.name,
        baselines: [peer, official],
        rows: small(stream)
      })),
      { name: "one event of 8 MiB among three", baselines: [peer, official, floor], rows: large }
    ]
    return {
      groups,
      close: async () => {
        closeOfficial()
        await Effect.runPromise(Scope.close(scope, Exit.void))
        await agent.destroy()
        await server.close()
      }
    }
  }
}
