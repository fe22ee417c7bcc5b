/** Runs of recorded executions (docs/wire.md#replays). */
import { assert, describe, it } from "@effect/vitest"
import { eventsOf } from "../../../src/internal/cassette/sessionRecordings.js"
import { runOf } from "../../../src/internal/operations/sessionRun.js"
import { execution, failedStep, session, step } from "../../support/sessions.js"

type Steps = ReadonlyArray<{ readonly [key: string]: unknown }>

const run = (steps: Steps, more?: { readonly [key: string]: unknown }) =>
  runOf(session(execution("c", "execute", null, { executionId: "ex-1", steps, ...more })).executions[0]!)

const failed = { status: "failed" }

describe("replays: the end of a run", () => {
  it("the last output is the result", () => {
    assert.deepStrictEqual(run([step("a", 1), step("b", { text: "x" })]).ending, {
      _tag: "completed",
      result: { text: "x" }
    })
  })

  it("null is a result, and so is no step at all", () => {
    assert.deepStrictEqual(run([step("a", null)]).ending, { _tag: "completed", result: null })
    assert.deepStrictEqual(run([]).ending, { _tag: "completed", result: null })
  })

  it("the stored prompt is not part of an output", () => {
    const { completed, ending } = run([
      step("a", { text: "x", __rendered_prompt__: "p", inner: { __rendered_prompt__: 1 } })
    ])
    const output = { text: "x", inner: { __rendered_prompt__: 1 } }
    assert.deepStrictEqual(ending, { _tag: "completed", result: output })
    assert.deepStrictEqual(completed, [{ stepId: "a", output }])
  })

  it("errorAtStep: that step and its error", () => {
    const error = { code: "X", message: "no" }
    assert.deepStrictEqual(run([step("a", 1), failedStep("b", error)], { ...failed, errorAtStep: "b" }).ending, {
      _tag: "failed",
      stepId: "b",
      error
    })
  })

  it("errorAtStep without a snapshot, or without the step, is still a failure", () => {
    const ofStep = { _tag: "failed", stepId: "b", error: undefined } as const
    assert.deepInclude(run([step("a", 1), step("b", null)], { errorAtStep: "b" }).ending, {
      _tag: "failed",
      stepId: "b"
    })
    assert.deepStrictEqual(run([step("a", 1)], { errorAtStep: "b" }).ending, ofStep)
    assert.deepStrictEqual(run([step("a", 1)], { ...failed, errorAtStep: "b" }).ending, ofStep)
  })

  it("of a loop is its own, though the clock of the server puts an iteration a little outside", () => {
    const during = (from: number, to: number) => ({
      startedAt: new Date(from).toISOString(),
      completedAt: new Date(to).toISOString()
    })
    const iterations = (from: number) =>
      [0, 1, 2].map((loopIndex) =>
        step("in", loopIndex, { loopIndex, ...during(from + loopIndex * 5, from + loopIndex * 5 + 6) })
      )
    const loop = run([step("first", "x", during(0, 10)), step("each", [0, 1, 2], during(10, 25)), ...iterations(10)])
    assert.deepStrictEqual(loop.ending, { _tag: "completed", result: [0, 1, 2] })
    assert.deepStrictEqual(loop.completed.map(({ stepId }) => stepId), ["first", "each"])
    const alone = run([step("first", "x", during(0, 10)), ...iterations(10)])
    assert.deepStrictEqual(alone.completed.map(({ output }) => output), ["x", 0, 1, 2])
  })

  it("errorAtStep of a step in a loop: the error of that step", () => {
    const error = { code: "X", message: "no" }
    const steps = [
      step("each", null, { status: "failed", startedAt: "2026-01-01T00:00:00Z", completedAt: "2026-01-01T00:00:05Z" }),
      {
        ...failedStep("in", error),
        loopIndex: 0,
        startedAt: "2026-01-01T00:00:01Z",
        completedAt: "2026-01-01T00:00:02Z"
      }
    ]
    assert.deepStrictEqual(run(steps, { ...failed, errorAtStep: "in" }).ending, { _tag: "failed", stepId: "in", error })
    assert.deepStrictEqual(run(steps, failed).ending, { _tag: "failed", stepId: "each", error })
  })

  it("status failed without errorAtStep is a failure, of the step that failed if one did", () => {
    assert.deepStrictEqual(run([step("a", 1)], failed).ending, { _tag: "failed", stepId: undefined, error: undefined })
    assert.deepStrictEqual(run([step("a", 1), failedStep("b", "text")], failed).ending, {
      _tag: "failed",
      stepId: "b",
      error: "text"
    })
  })

  it("a step that failed and then succeeded succeeded", () => {
    const recovered = run([failedStep("a", { code: "BUSY" }), step("a", 2, { attempt: 2 }), step("b", 3)])
    assert.deepStrictEqual(recovered.ending, { _tag: "completed", result: 3 })
    assert.deepStrictEqual(recovered.completed, [{ stepId: "a", output: 2 }, { stepId: "b", output: 3 }])
    const named = run([failedStep("a", { code: "BUSY" }), step("a", 2, { attempt: 2 })], { errorAtStep: "a" })
    assert.deepStrictEqual(named.ending, { _tag: "completed", result: 2 })
  })

  it("a last step that failed is a failure, whatever the run calls itself", () => {
    assert.strictEqual(run([step("a", 1), failedStep("b", { code: "X" })]).ending._tag, "failed")
  })

  it("a cancelled run failed; one that has not ended is neither", () => {
    assert.deepStrictEqual(run([step("a", 1)], { status: "cancelled" }).ending, {
      _tag: "failed",
      stepId: undefined,
      error: "the recorded run was cancelled"
    })
    for (const status of ["running", "pending", "something-new"]) {
      assert.strictEqual(run([step("a", 1)], { status }).ending._tag, "unfinished")
    }
  })

  it("a run that calls itself completed, and whose last step has not ended, has no result to give", () => {
    for (const status of ["running", "pending"]) {
      assert.deepStrictEqual(run([step("a", 1), step("b", null, { status })]).ending, {
        _tag: "unfinished",
        reason: `its last step, "b", is "${status}"`
      })
    }
  })
})

describe("replays: the steps of a run", () => {
  it("each once, in the order in which they began, skipped and running ones not at all", () => {
    const { completed } = run([
      failedStep("a", {}, {}),
      step("b", 2),
      step("a", 1, { attempt: 2 }),
      step("c", null, { status: "skipped" }),
      step("d", null, { status: "running" })
    ], { status: "running" })
    assert.deepStrictEqual(completed.map(({ stepId }) => stepId), ["a", "b"])
  })

  it("iterations of a loop are part of the block that is recorded around them", () => {
    const at = (startedAt: number, completedAt: number) => ({
      startedAt: new Date(startedAt).toISOString(),
      completedAt: new Date(completedAt).toISOString()
    })
    const { completed, ending } = run([
      step("first", 0, at(0, 10)),
      step("each", [1, 2], at(10, 30)),
      step("in", 1, { loopIndex: 0, ...at(11, 20) }),
      step("in", 2, { loopIndex: 1, ...at(20, 30) })
    ])
    assert.deepStrictEqual(completed, [{ stepId: "first", output: 0 }, { stepId: "each", output: [1, 2] }])
    assert.deepStrictEqual(ending, { _tag: "completed", result: [1, 2] })
  })

  it("iterations without such a block are steps", () => {
    const { completed } = run([
      step("first", 0),
      failedStep("in", {}, { loopIndex: 0 }),
      step("in", 1, { loopIndex: 0, attempt: 2 }),
      step("in", 2, { loopIndex: 1 })
    ])
    assert.deepStrictEqual(completed.map(({ output }) => output), [0, 1, 2])
  })

  it("tells of snapshots that were cut", () => {
    assert.deepStrictEqual(run([step("a", 1), step("b", "{", { truncated: true })]).truncated, ["b"])
  })
})

describe("replays: events", () => {
  it("of a run that completed", () => {
    assert.deepStrictEqual(eventsOf(run([step("a", 1), step("b", 2)]), 0, true), [
      { type: "run_started", executionId: "ex-1", runId: "ex-1", flowId: "fl_1", stepCount: 2 },
      { type: "step_started", stepId: "a", stepIndex: 0 },
      { type: "step_completed", stepId: "a", output: 1 },
      { type: "step_started", stepId: "b", stepIndex: 1 },
      { type: "step_completed", stepId: "b", output: 2 },
      { type: "flow_completed", executionId: "ex-1", runId: "ex-1", result: 2 }
    ])
  })

  it("of a run that failed: the failed step, and nothing of what came after it", () => {
    const error = { code: "X", message: "no" }
    const events = eventsOf(
      run([step("a", 1), failedStep("b", error), step("c", 3)], { ...failed, errorAtStep: "b" }),
      0,
      true
    )
    assert.deepStrictEqual(events.slice(3), [
      { type: "step_started", stepId: "b", stepIndex: 1 },
      { type: "step_error", stepId: "b", error },
      { type: "flow_completed", executionId: "ex-1", runId: "ex-1", result: null, summary: { failedAtStep: "b" } }
    ])
  })

  it("from a later step on, for a call that goes on with a run", () => {
    assert.deepStrictEqual(eventsOf(run([step("a", 1), step("b", 2)]), 1, false), [
      { type: "step_started", stepId: "b", stepIndex: 0 },
      { type: "step_completed", stepId: "b", output: 2 },
      { type: "flow_completed", executionId: "ex-1", runId: "ex-1", result: 2 }
    ])
  })

  it("of a run that has not ended: as far as it had come", () => {
    const events = eventsOf(run([step("a", 1)], { status: "running" }), 0, true)
    assert.deepStrictEqual(events.map(({ type }) => type), ["run_started", "step_started", "step_completed"])
    assert.notProperty(events[0], "stepCount")
  })
})
