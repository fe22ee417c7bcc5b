/** The times of steps in traces: from beginning to end, with the waits for tool results within (docs/wire.md#traces). */
import { Emulator, type Flow } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { call, type Parsed } from "./client.js"

const path = "/seq/acme/test/asking"

const asking: Flow = {
  ref: "acme/test/asking",
  steps: [
    { kind: "template", id: "before", output: 1, duration: 150 },
    { kind: "tool", id: "ask", rounds: [[{ name: "find" }], [{ name: "find" }]], output: "done", duration: 20 }
  ]
}

const tools = [{ type: "function", function: { name: "find" } }]

/** Answers a request of which the given steps take their time on the clock. */
const taking = (body: object, steps: ReadonlyArray<readonly [stepId: string, ms: number]>) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    const before = (yield* emulator.ledger).steps.length
    const fiber = yield* Effect.fork(call((client) => client.post(`${path}/execute`, body)))
    for (const [index, [stepId, ms]] of steps.entries()) {
      let seen = 0
      yield* emulator.awaitEvent((event) => event.type === "StepStarted" && seen++ === before + index)
      assert.strictEqual((yield* emulator.ledger).steps.at(-1)?.stepId, stepId)
      yield* TestClock.adjust(ms)
    }
    return (yield* Fiber.join(fiber)).json
  })

const answered = (pause: Parsed) => ({
  executionId: pause.executionId,
  pausedAtStep: pause.pausedAtStep,
  iterationsUsed: pause.iterationsUsed,
  accumulatedOutputs: pause.accumulatedOutputs,
  toolCallMessages: [
    ...pause.toolCallMessages,
    ...pause.toolCalls.map(({ id }: Parsed) => ({ role: "tool", tool_call_id: id, content: "1" }))
  ]
})

describe("the times of a step", () => {
  it.scoped("last from its beginning to its end; the waits for tools are told apart", () =>
    Effect.gen(function*() {
      const first = yield* taking({ message: "hi", tools }, [["before", 150], ["ask", 20]])
      yield* TestClock.adjust(400)
      const waiting = yield* call((client) => client.get(`${path}/runs/${first.executionId}/trace`))
      assert.deepInclude(waiting.json.steps[1], { status: "running", durationMs: null, completedAt: null })
      const second = yield* taking(answered(first), [["ask", 20]])
      yield* TestClock.adjust(7)
      const done = yield* taking(answered(second), [["ask", 20]])
      assert.strictEqual(done.status, "completed")
      const { json } = yield* call((client) => client.get(`${path}/runs/${first.executionId}/trace`))
      assert.strictEqual(json.flowRun.durationMs, 150 + 3 * 20 + 407)
      assert.deepInclude(json.steps[0], { durationMs: 150 })
      assert.notProperty(json.steps[0], "waitingMs")
      assert.deepInclude(json.steps[1], {
        startedAt: "1970-01-01T00:00:00.150Z",
        completedAt: "1970-01-01T00:00:00.617Z",
        durationMs: 467,
        waitingMs: 407
      })
      const { steps } = yield* (yield* Emulator).ledger
      const busy = steps.filter(({ stepId }) => stepId === "ask").reduce(
        (sum, { endedAt, startedAt }) => sum + endedAt! - startedAt,
        0
      )
      assert.strictEqual(busy, 60)
    }).pipe(Effect.provide(layer({ flows: [asking] }))))
})
