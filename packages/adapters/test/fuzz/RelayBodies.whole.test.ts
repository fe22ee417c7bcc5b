/** Bodies that a relay gets from anybody, and answers of an upstream that is none (docs/wire.md#relays). */
import { Relay } from "@effect-noukai/adapters"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FC from "effect/FastCheck"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { answering, type MadeUp } from "../../../sdk/test/support/answering.js"
import { plantedKey } from "../../../sdk/test/support/client.js"
import { brokenBytes, brokenJson, fuzzEffect, fuzzTimeout, oddHeader } from "../../../sdk/test/support/fuzz.js"

const body = {
  message: "hi",
  messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }, { role: "user", content: "c" }],
  parameters: { tone: "dry", deep: { a: [1, null] } },
  executionId: "ex-1",
  pausedAtStep: "a",
  iterationsUsed: 1,
  toolCallMessages: [{ role: "tool", tool_call_id: "tc_1", content: "x" }],
  trace: false
}

const bodies = brokenBytes(brokenJson(FC.constant<unknown>(body)))

const completed = { status: "completed", result: { text: "hi" }, flowId: "fl", blockCount: 1 }

const limits = { maxBodyBytes: 20_000, maxMessages: 4 }

const headers = FC.record({
  "content-type": FC.oneof(FC.constant("application/json"), oddHeader),
  "content-length": FC.option(oddHeader, { nil: undefined }),
  traceparent: FC.option(oddHeader, { nil: undefined }),
  tracestate: FC.option(oddHeader, { nil: undefined })
})

type Headers = { readonly [name: string]: string | undefined }

/** One request through the rules; how often `authorize` let it through is how often it may have gone on. */
const relayed = (bytes: Uint8Array, cuts: ReadonlyArray<number>, sent: Headers, upstream: MadeUp) =>
  Effect.gen(function*() {
    const seen: Array<Relay.Body> = []
    const relay = Either.getOrThrow(Relay.make({
      ...limits,
      flow: "acme/support/agent",
      authorize: (_: null, body) => Effect.sync(() => seen.push(body) > 0)
    }))
    const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
    const parts = at.slice(1).map((end, place) => bytes.slice(at[place], end))
    const pull = Effect.suspend(() => {
      const part = parts.shift()
      return part === undefined ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(part))
    })
    const answer = yield* relay({ request: null, method: "POST", header: (name) => sent[name], pull }).pipe(
      Effect.provide(answering(upstream)),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
    return { answer, seen }
  })

const check = ({ body, status }: Relay.Answer): void => {
  assert.isTrue(Number.isInteger(status) && status >= 200 && status <= 599, String(status))
  if (body === undefined) return
  assert.isObject(JSON.parse(body))
  assert.isFalse(body.includes(plantedKey))
}

const json = { "content-type": "application/json" }

describe("relays: a relay", () => {
  it.live(
    "answers any request with JSON, and lets none through that its rules refuse",
    () =>
      fuzzEffect(
        FC.tuple(bodies, FC.array(FC.nat(), { maxLength: 4 }), headers),
        80,
        ([bytes, cuts, sent]) =>
          Effect.map(
            relayed(bytes, cuts, sent, { status: 200, headers: json, body: JSON.stringify(completed) }),
            (result) => {
              check(result.answer)
              if (result.answer.status === 200) assert.lengthOf(result.seen, 1)
              for (const body of result.seen) {
                assert.isAtMost(bytes.length, limits.maxBodyBytes)
                for (const list of [body.messages, body.toolCallMessages]) {
                  if (Array.isArray(list)) {
                    assert.isAtMost(list.length, limits.maxMessages)
                  }
                }
                assert.strictEqual(Object.getPrototypeOf(body), Object.prototype)
              }
            }
          )
      ),
    fuzzTimeout
  )

  it.live("answers with JSON whatever the upstream answers", () =>
    fuzzEffect(
      FC.tuple(
        FC.oneof(FC.constant(200), FC.integer({ min: 200, max: 599 })),
        brokenBytes(brokenJson(FC.constant<unknown>(completed)))
      ),
      40,
      ([status, upstream]) =>
        Effect.map(
          relayed(new TextEncoder().encode("{}"), [], json, { status, headers: json, body: upstream }),
          ({ answer }) => check(answer)
        )
    ), fuzzTimeout)
})
