import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber } from "effect"
import { size } from "../../../sdk/test/support/size.js"
import { EventLog } from "../../src/internal/store/history.js"
import { type WireEvent, wireEvent } from "../../src/internal/wire/wireEvent.js"

const started = wireEvent("run_started", { executionId: "x" })

const step = (stepId: string, output: unknown): ReadonlyArray<WireEvent> => [
  wireEvent("step_started", { stepId }),
  wireEvent("step_output", { stepId, outputContext: output }),
  wireEvent("step_completed", { stepId })
]

const appendAll = (log: EventLog, events: ReadonlyArray<WireEvent>) => {
  for (const event of events) log.append(event)
}

describe("event logs", () => {
  it.prop(
    "give every event once and in order, whoever reads when, and however often the run rests",
    [FastCheck.array(FastCheck.constantFrom("append", "rest", "read"))],
    ([acts]) => {
      const log = new EventLog()
      const all: Array<WireEvent> = []
      const read: Array<WireEvent> = []
      let position = 0
      for (const act of acts) {
        if (act === "append") {
          const event = wireEvent("step_started", { stepId: `s${all.length}` })
          all.push(event)
          log.append(event)
        } else if (act === "rest") log.rest()
        else {
          const { events, next } = log.from(position)
          read.push(...events)
          position = next
        }
      }
      assert.deepStrictEqual(read, all.slice(0, read.length))
      assert.deepStrictEqual(log.from(position).events, all.slice(read.length))
      assert.deepStrictEqual(log.from(0).events, all)
    }
  )

  it.effect("wake whoever waits for more, after a rest too", () =>
    Effect.gen(function*() {
      const log = new EventLog()
      log.append(started)
      log.rest()
      yield* log.awaitAt(0)
      const fiber = yield* Effect.fork(log.awaitAt(1))
      yield* Effect.yieldNow()
      log.append(wireEvent("flow_completed", {}))
      yield* Fiber.join(fiber)
      assert.strictEqual(log.from(1).events[0]!.event, "flow_completed")
    }))

  it("keep a hundred partial outputs of an execution and its last, for each step that is under way", () => {
    const log = new EventLog()
    for (let count = 1; count <= 150; count++) {
      for (const stepId of ["a", "b"]) log.append(wireEvent("step_output", { stepId, outputData: count }))
    }
    log.append(wireEvent("step_completed", { stepId: "b", output: 1 }))
    log.append(wireEvent("step_completed", { stepId: "a", output: 2 }))
    for (const stepId of ["a", "b"]) {
      const of = log.from(0).events.filter(({ data }) => data.stepId === stepId)
      assert.deepStrictEqual(of.map(({ data, event }) => event === "step_output" ? data.outputData : event), [
        ...Array.from({ length: 100 }, (_, index) => index + 1),
        150,
        "step_completed"
      ])
    }
  })

  it("count anew for each execution", () => {
    const log = new EventLog()
    for (let execution = 0; execution < 3; execution++) {
      for (let count = 0; count < 60; count++) log.append(wireEvent("step_output", { stepId: "a", outputData: count }))
      log.append(wireEvent("step_completed", { stepId: "a" }))
    }
    assert.strictEqual(log.from(0).events.length, 3 * 61)
  })

  it("keep the last of a step that never came to its end", () => {
    const log = new EventLog()
    for (let count = 1; count <= 150; count++) log.append(wireEvent("step_output", { stepId: "a", outputData: count }))
    log.rest()
    assert.strictEqual(log.from(0).events.at(-1)!.data.outputData, 150)
  })

  it("stay bounded when a step is run again and again, and keep the newest output of each step", () => {
    const log = new EventLog()
    const rounds = size(50_000, 15_000)
    appendAll(log, [started, ...step("a", "once")])
    log.rest()
    let bytes = 0
    for (let count = 1; count <= rounds; count++) {
      appendAll(log, step("b", count))
      bytes = Math.max(bytes, log.rest())
    }
    const { events, next } = log.from(0)
    assert.strictEqual(next, 4 + 3 * rounds)
    assert.isBelow(events.length, 11_000)
    assert.isBelow(bytes, 2_000_000)
    assert.deepStrictEqual(events.slice(0, 4), [started, ...step("a", "once")])
    assert.deepStrictEqual(events.slice(-3), step("b", rounds))
    // a reader that is far behind goes on with what is there
    assert.strictEqual(log.from(5).events.length, events.length - 4)
  })

  it("stay bounded by bytes, too", () => {
    const log = new EventLog()
    log.append(started)
    const output = "x".repeat(1_000_000)
    let bytes = 0
    for (let count = 0; count < size(100, 40); count++) {
      appendAll(log, step("b", output))
      bytes = Math.max(bytes, log.rest())
    }
    assert.isBelow(bytes, 20_000_000)
    assert.deepStrictEqual(log.from(0).events[0], started)
  })
})
