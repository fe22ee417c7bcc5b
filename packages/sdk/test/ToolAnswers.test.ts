/** Answers of tools that JSON cannot hold are refused, by the name of the tool and the place. */
import { Tools } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { clientFor } from "./support/client.js"
import * as Wire from "./support/WireServer.js"

const call = { id: "t1", type: "function", function: { name: "look", arguments: "{}" } }
const pause = Wire.json(200, {
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "ask",
  iterationsUsed: 1,
  accumulatedOutputs: {},
  toolCallMessages: [{ role: "assistant", tool_calls: [call] }]
})
const done = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

/** Each answer, and its wrong place. */
const answers: ReadonlyArray<readonly [name: string, answer: () => unknown, place: string]> = [
  ["a map", () => new Map([["a", 1]]), ""],
  ["a set", () => ({ seen: new Set([1]) }), ".seen"],
  ["an error", () => [new Error("no")], "[0]"],
  ["a response", () => new Response("a"), ""],
  ["a function", () => ({ of: () => 1 }), ".of"],
  ["a forgotten await", () => ({ sky: Promise.resolve("blue") }), ".sky"],
  ["NaN", () => ({ degrees: { max: NaN } }), ".degrees.max"]
]

const Parameters = Schema.Struct({})

/** The kinds of tools, all with the same answer. */
const kinds = {
  make: (answer: () => unknown) =>
    Tools.make(
      Tools.tool({ name: "look", parameters: Parameters, handler: () => Effect.sync(() => answer() as never) })
    ),
  handle: (answer: () => unknown) =>
    Tools.handle(
      [{ type: "function", function: { name: "look" } }],
      (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: answer() as never })))
    ),
  fromToolkit: (answer: () => unknown) =>
    Tools.fromToolkit<never, never>({
      tools: { look: { name: "look", parametersSchema: Parameters } },
      handle: () => Effect.sync(() => ({ isFailure: false, encodedResult: answer() }))
    })
}

for (const [kind, toolsOf] of Object.entries(kinds)) {
  describe(`tools by Tools.${kind}`, () => {
    for (const [name, answer, place] of answers) {
      it.scopedLive(`cannot answer with ${name}`, () =>
        Effect.gen(function*() {
          const server = yield* Wire.serve(pause, pause, done)
          const flows = yield* clientFor(server)
          const input = { message: "hi", tools: toolsOf(answer) }
          const error = yield* Effect.flip(flows.execute("a/b/c", input))
          assert.deepInclude(error, { _tag: "InvalidRequestError", field: `tools.look.result${place}` })
          assert.lengthOf(server.requests, 1)
          yield* flows.execute("a/b/c", { ...input, onToolFailure: "report" })
          assert.include(server.requests[2]?.body, `tools.look.result${place}`)
        }))
    }
  })
}

const throws = (name: string) =>
  Object.defineProperty({ toolCallId: "t1", content: 1 }, name, {
    get: () => {
      throw new Error("boom")
    }
  })

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable<Array<unknown>>([], {})
  revoke()
  return proxy
}

describe("results of Tools.handle that are no results", () => {
  for (
    const [name, results, field] of [
      ["no list", () => new Map(), "results"],
      ["nothing", () => undefined, "results"],
      ["a revoked proxy", revoked, "results"],
      ["a list with a revoked proxy", () => [revoked()], "results[0]"],
      ["a hole", () => Array(1), "results[0].toolCallId"],
      ["an id that throws", () => [throws("toolCallId")], "results[0]"],
      ["a content that throws", () => [throws("content")], "results[0]"],
      ["a promise", () => [Promise.resolve({ toolCallId: "t1", content: 1 })], "results[0]"]
    ] satisfies ReadonlyArray<readonly [string, () => unknown, string]>
  ) {
    it.scopedLive(`are refused: ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(pause, done)
        const flows = yield* clientFor(server)
        const tools = Tools.handle(
          [{ type: "function", function: { name: "look" } }],
          () => Effect.sync(() => results() as never)
        )
        const error = yield* Effect.flip(flows.execute("a/b/c", { message: "hi", tools, onToolFailure: "report" }))
        assert.deepInclude(error, { _tag: "InvalidRequestError", field, executionId: "ex-1" })
        assert.lengthOf(server.requests, 1)
      }))
  }
})
