/** Partial outputs are sent over the duration of their step, so that text grows. */
import { Emulator, type Flow } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { call, type Parsed } from "./client.js"
import { parseEvents } from "./eventStream.js"

const path = "/seq/acme/test/writer"

const writer: Flow = {
  ref: "acme/test/writer",
  steps: [{
    kind: "template",
    id: "write",
    duration: "3 seconds",
    failsFirst: { times: 1 },
    partials: ["a", "{{message}}"],
    output: "abc",
    costUsd: "0.01"
  }]
}

/** Reads a stream of events up to a number of partial outputs, or up to its end. */
const readerOf = (response: Response) => {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  const outputs = () =>
    parseEvents(text).flatMap(({ data, event }) => event === "step_output" ? [(data as Parsed).outputContext] : [])
  return {
    outputs,
    until: (count: number) =>
      Effect.promise(async () => {
        while (outputs().length < count) text += (await reader.read()).value!
        return outputs()
      }),
    toEnd: Effect.promise(async () => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return parseEvents(text).map(({ event }) => event)
        text += value
      }
    })
  }
}

const begun = (attempt: number) =>
  Effect.flatMap(
    Emulator,
    (emulator) => emulator.awaitEvent((event) => event.type === "StepStarted" && event.attempt === attempt)
  )

/** Reads the partial outputs of the second attempt, one second each. */
const growing = Effect.fnUntraced(function*(reader: ReturnType<typeof readerOf>) {
  yield* begun(1)
  yield* TestClock.adjust("3 seconds")
  yield* begun(2)
  yield* TestClock.adjust("999 millis")
  assert.deepStrictEqual(reader.outputs(), [])
  yield* TestClock.adjust("1 millis")
  assert.deepStrictEqual(yield* reader.until(1), ["a"])
  yield* TestClock.adjust("1 second")
  assert.deepStrictEqual(yield* reader.until(2), ["a", "ab"])
  const { runs } = yield* (yield* Emulator).ledger
  assert.strictEqual(runs[0]!.status, "running")
  yield* TestClock.adjust("1 second")
  assert.deepStrictEqual(yield* reader.until(3), ["a", "ab", "abc"])
})

const events = ["run_started", "step_started", "step_output", "step_output", "step_output", "step_completed"]

describe("partial outputs", () => {
  it.scoped("of a step are sent over its duration, none by an attempt that fails", () =>
    Effect.gen(function*() {
      const response = yield* call((client) =>
        client.request("POST", `${path}/step`, { body: { stepIndex: 0, message: "ab" } })
      )
      const reader = readerOf(response)
      yield* growing(reader)
      assert.deepStrictEqual(yield* reader.toEnd, [...events, "flow_completed"])
      const { runs, steps } = yield* (yield* Emulator).ledger
      assert.strictEqual(runs[0]!.billedUsd, "0.01")
      assert.deepStrictEqual(steps.map(({ endedAt, startedAt }) => [startedAt, endedAt]), [[0, 3000], [3000, 6000]])
    }).pipe(Effect.provide(layer({ flows: [writer] }))))

  it.scoped("of a job grow on its live trace", () =>
    Effect.gen(function*() {
      const { json } = yield* call((client) => client.post(`${path}/jobs`, { message: "ab" }))
      yield* begun(1)
      const live = yield* call((client) => client.request("GET", `${path}/runs/${json.executionId}/trace/stream`))
      const reader = readerOf(live)
      yield* growing(reader)
      assert.deepStrictEqual(yield* reader.toEnd, [...events, "flow_completed"])
    }).pipe(Effect.provide(layer({ flows: [writer] }))))

  it.scoped("that are cut off stop their step, as a caller that leaves does", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "step" }, script: ["cut:e3"] })
      const response = yield* call((client) =>
        client.request("POST", `${path}/step`, { body: { stepIndex: 0, message: "ab" } })
      )
      const text = response.text().then(() => "whole", () => "cut")
      yield* begun(1)
      yield* TestClock.adjust("3 seconds")
      yield* begun(2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Effect.promise(() => text), "cut")
      yield* emulator.awaitEvent((event) => event.type === "RequestEnded")
      const { requests, runs, steps } = yield* emulator.ledger
      assert.strictEqual(requests[0]!.responseEvents, 3)
      assert.deepStrictEqual(steps.map(({ outcome }) => outcome), ["failed", "interrupted"])
      assert.strictEqual(runs[0]!.billedUsd, "0")
    }).pipe(Effect.provide(layer({ flows: [writer] }))))
})
