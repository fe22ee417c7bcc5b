/** Event streams that were broken on the way or never were any (docs/wire.md#frames, docs/wire.md#events). */
import { type FlowEvent, FlowService, isNoukaiError } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FC from "effect/FastCheck"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { decodeEvent, SseDecoder } from "../../src/internal/http/eventStream.js"
import { answering } from "../support/answering.js"
import { arbitraries } from "../support/arbitraries.js"
import { brokenBytes, brokenJson, brokenText, fuzz, fuzzEffect, fuzzTimeout } from "../support/fuzz.js"

const names: { readonly [type: string]: string } = { tool_calls_required: "step_paused_for_tool_calls" }

/** Frames of a run, some with a broken payload, some with broken lines. */
const stream: FC.Arbitrary<string> = FC.tuple(
  arbitraries.run.chain((run) =>
    FC.tuple(...run.map(({ type, ...data }) => {
      const name = names[type] ?? type
      const whole = FC.constant(`event: ${name}\ndata: ${JSON.stringify({ ...data, eventType: name })}\n\n`)
      return FC.oneof(
        { weight: 8, arbitrary: whole },
        {
          weight: 1,
          arbitrary: brokenJson(FC.constant({ ...data, eventType: name })).map((json) =>
            `event: ${name}\ndata: ${json}\n\n`
          )
        },
        { weight: 1, arbitrary: brokenText(whole) }
      )
    }))
  ),
  FC.constantFrom("\n", "\r\n", "\r")
).map(([frames, lineEnd]) => frames.join("").replaceAll("\n", lineEnd))

const cuts = FC.array(FC.nat(), { maxLength: 6 })

interface Read {
  readonly name: string | undefined
  readonly data: string
}

const framesOf = (bytes: Uint8Array, at: ReadonlyArray<number>): ReadonlyArray<Read> => {
  const frames: Array<Read> = []
  const decoder = new SseDecoder((name, data) => frames.push({ name, data }))
  let from = 0
  for (const to of [...at.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    decoder.push(bytes.subarray(from, to))
    from = to
  }
  decoder.end()
  return frames
}

const isEnd = (event: FlowEvent.FlowEvent): boolean => event.type === "flow_completed" || event.type === "step_error"

describe("frames: any bytes", () => {
  it("become the same frames however they are cut, and each frame an event, nothing, or a reason", () => {
    fuzz(FC.tuple(brokenBytes(stream), cuts), 80, ([bytes, at]) => {
      const frames = framesOf(bytes, at)
      assert.deepStrictEqual(framesOf(bytes, []), frames)
      for (const { data, name } of frames) {
        const event = decodeEvent(name, data, (text) => assert.isString(text))
        if (event === undefined) continue
        assert.isString(event.type)
        if (event.type === "undecodable") assert.isString(event.reason)
      }
    })
  }, fuzzTimeout)

  it.live(
    "are a stream of events up to a terminal one, or a typed error: nothing else counts as success",
    () =>
      fuzzEffect(FC.tuple(brokenBytes(stream), cuts), 25, ([body, at]) =>
        Effect.gen(function*() {
          const seen: Array<FlowEvent.FlowEvent> = []
          const exit = yield* FlowService.pipe(
            Effect.flatMap((flows) =>
              Stream.runForEach(
                flows.events("acme/support/answer", { message: "hi", runRemaining: true }),
                (event) => Effect.sync(() => seen.push(event))
              )
            ),
            Effect.provide(answering(
              { status: 200, headers: { "content-type": "text/event-stream" }, body, cuts: at },
              { status: 500, body: "" }
            )),
            Effect.provide(Logger.remove(Logger.defaultLogger)),
            Effect.exit
          )
          if (Exit.isSuccess(exit)) {
            assert.deepStrictEqual(seen.filter(isEnd), seen.slice(-1))
            return
          }
          assert.isTrue(Cause.isFailType(exit.cause), Cause.pretty(exit.cause))
          const error = Cause.squash(exit.cause)
          assert.isTrue(isNoukaiError(error), String(error))
          assert.isFalse(seen.some((event) => event.type === "flow_completed"))
        })),
    fuzzTimeout
  )
})
