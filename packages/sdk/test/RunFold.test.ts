/** The fold of events: from a state and an event, always the same next state, and no state changes. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { WireEvent } from "../src/FlowEvent.js"
import { cursorAt, fold, type RunState, startOf, stateAt, traceState } from "../src/internal/run/runFold.js"

const stepId = FastCheck.constantFrom("a", "b", "c")
const id = FastCheck.constantFrom(undefined, "ex", "another")
const value = FastCheck.constantFrom(undefined, 1, "text", null)

const event: FastCheck.Arbitrary<WireEvent> = FastCheck.oneof(
  FastCheck.record({
    type: FastCheck.constant("run_started" as const),
    executionId: id,
    stepCount: FastCheck.constant(3)
  }),
  FastCheck.record({ type: FastCheck.constant("step_started" as const), stepId }),
  FastCheck.record({
    type: FastCheck.constant("step_output" as const),
    stepId,
    outputData: value,
    outputContext: value
  }),
  FastCheck.record({ type: FastCheck.constant("step_completed" as const), stepId, output: value }),
  FastCheck.record({
    type: FastCheck.constant("step_paused" as const),
    executionId: id,
    nextStepIndex: FastCheck.nat({ max: 3 })
  }),
  FastCheck.record({ type: FastCheck.constant("flow_completed" as const), executionId: id, result: value })
)

const seen = (state: RunState): unknown => JSON.parse(JSON.stringify([cursorAt(state), state.end ?? null, state.kept]))

describe("the fold of events", () => {
  for (const kind of ["a response", "a trace"]) {
    it.prop(`${kind}: two folds of one state agree, and leave the states before as they were`, [
      FastCheck.array(event, { maxLength: 20 })
    ], ([events]) => {
      const first = kind === "a trace"
        ? traceState(startOf("acme/spelling/grade-3", "production", { executionId: "ex" }), "ex")
        : stateAt({
          version: 1,
          flow: "acme/spelling/grade-3",
          flowVersion: "production",
          stepIndex: 0,
          outputs: {},
          rounds: 0
        })
      const states = [first]
      const before: Array<unknown> = [seen(first)]
      for (const one of events) {
        const state = fold(states.at(-1)!, one)
        assert.deepStrictEqual(seen(fold(states.at(-1)!, one)), seen(state))
        states.push(state)
        before.push(seen(state))
      }
      assert.deepStrictEqual(states.map(seen), before)
    })
  }
})
