import type { Chunk } from "@effect-noukai/adapters/Page"
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import { assert, describe, it } from "@effect/vitest"
import { Chunks, codeOf, frames, type OpenCall } from "../../src/internal/page/chunks.js"

const event = (fields: object): FlowEvent => fields as FlowEvent

const started = event({ type: "run_started", executionId: "ex_1", stepCount: 2 })
const step = (stepId: string, stepIndex: number) => event({ type: "step_started", stepId, stepIndex })
const output = (stepId: string, outputData: unknown) => event({ type: "step_output", stepId, outputData })
const completed = (stepId: string, stepIndex: number, output?: unknown) =>
  event({ type: "step_completed", stepId, stepIndex, output })
const pause = event({ type: "tool_calls_required", executionId: "ex_1" })
const flowCompleted = (result: unknown) => event({ type: "flow_completed", result })

const of = (
  events: ReadonlyArray<FlowEvent>,
  chunks = new Chunks("names")
): ReadonlyArray<Chunk> => [...events.flatMap((one) => chunks.of(one)), ...chunks.end()]

const types = (chunks: ReadonlyArray<Chunk>) => chunks.map(({ type }) => type)

const parts = (chunks: ReadonlyArray<Chunk>) => {
  const texts = new Map<string, string>()
  for (const chunk of chunks) {
    if (chunk.type === "text-start") texts.set(chunk.id, "")
    if (chunk.type === "text-delta") texts.set(chunk.id, texts.get(chunk.id)! + chunk.delta)
  }
  return [...texts.values()]
}

const call = (by: OpenCall["by"], name = "confirm") => ({ by, name, input: { a: 1 } })

describe("the chunks of a page", () => {
  it("keep rounds of a loop apart, and a step that begins again after a pause together", () => {
    const chunks = new Chunks("names")
    const ids = (made: ReadonlyArray<Chunk>) => made.flatMap((chunk) => chunk.type === "data-step" ? [chunk.id] : [])
    const first = [started, step("a", 0), completed("a", 0), step("a", 0)].flatMap((one) => chunks.of(one))
    assert.deepStrictEqual(ids(first), ["a#1", "a#1", "a#2"])
    const calls = new Map([["c", call("page")]])
    assert.deepStrictEqual(types(chunks.pause(pause, calls)), ["tool-input-available", "finish-step"])
    const again = chunks.of(step("a", 0))
    // the result of a call that another request answered is not known
    assert.deepStrictEqual(again[0], { type: "tool-output-available", toolCallId: "c", output: null })
    assert.deepStrictEqual(ids(again), ["a#2"])
    chunks.of(completed("a", 0))
    assert.deepStrictEqual(ids(chunks.of(step("a", 0))), ["a#3"])
  })

  it("have the text of the last step alone, and a new part for text that does not go on", () => {
    const made = of([
      started,
      step("a", 0),
      output("a", "hidden"),
      completed("a", 0, "hidden"),
      step("b", 1),
      output("b", "Hel"),
      output("b", "Hello 👋".slice(0, -1)),
      output("b", "Hello 👋"),
      output("b", "Another"),
      output("b", { not: "text" }),
      completed("b", 1, "Another one"),
      flowCompleted("Another one")
    ])
    assert.deepStrictEqual(parts(made), ["Hello 👋", "Another one"])
    assert.notInclude(JSON.stringify(made), "hidden")
    assert.deepStrictEqual(types(made).slice(-3), ["finish-step", "data-result", "finish"])
  })

  it("have the text of a result that no step has shown", () => {
    const made = of([
      event({ type: "run_started", executionId: "ex_1" }),
      step("a", 0),
      completed("a", 0),
      flowCompleted("Hi")
    ])
    assert.deepStrictEqual(parts(made), ["Hi"])
    assert.deepStrictEqual(parts(of([started, step("b", 1), completed("b", 1, ""), flowCompleted("")])), [])
    assert.deepInclude(of([flowCompleted(undefined)]), { type: "data-result", id: "result", data: null })
  })

  it("end with the code of a step that failed, also where the run is told to have completed", () => {
    const failed = event({
      type: "step_error",
      stepId: "b",
      code: "MODEL_OVERLOADED",
      message: "planted",
      error: "planted"
    })
    const made = of([started, step("b", 1), failed, flowCompleted(null)])
    assert.deepStrictEqual(types(made), ["start", "start-step", "data-step", "data-step", "finish-step", "error"])
    assert.notInclude(JSON.stringify(made), "planted")
    const odd = event({ type: "step_error", stepId: "b", code: "nk_test planted", error: null })
    assert.deepStrictEqual(of([odd]).at(-1), { type: "error", errorText: "{\"code\":\"FLOW_FAILED\"}" })
  })

  it("show server tools as the steps are shown", () => {
    const calls = new Map([["s", call("server")], ["n", call("nobody")]])
    const results = new Map([["s", "secret"], ["n", "secret"]])
    const made = (shown: "none" | "names" | "outputs") => {
      const chunks = new Chunks(shown)
      return [...chunks.pause(pause, calls), ...chunks.answered(results, true)]
    }
    assert.deepStrictEqual(types(made("none")), ["start"])
    assert.deepStrictEqual(types(made("names")), ["start", "tool-input-available", "tool-output-available"])
    assert.notMatch(JSON.stringify(made("names")), /secret|"a":1/)
    assert.match(JSON.stringify(made("outputs")), /"a":1.*secret/)
  })

  it("begin with the id of the run, though its first event was lost", () => {
    const cursor = { executionId: "ex_1" }
    const made = of([step("a", 0), event({ type: "step_completed", stepId: "a", stepIndex: 0, cursor })])
    assert.deepStrictEqual(made[0], { type: "start", messageId: "ex_1" })
    assert.deepStrictEqual(types(made).slice(1), ["start-step", "data-step", "data-step", "finish-step", "finish"])
    const paused = new Chunks("names")
    assert.isEmpty(paused.of(step("a", 0)))
    assert.deepStrictEqual(paused.pause(pause, new Map())[0], { type: "start", messageId: "ex_1" })
  })

  it("have no text of an error", () => {
    assert.strictEqual(codeOf(new Error("planted")), "INTERNAL_ERROR")
    assert.strictEqual(codeOf({ _tag: "FlowExecutionError", code: "MODEL_OVERLOADED" }), "MODEL_OVERLOADED")
    assert.strictEqual(codeOf({ _tag: "FlowExecutionError", code: "NO_CREDITS", statusCode: 402 }), "UNAVAILABLE")
    assert.strictEqual(codeOf({ _tag: "SomethingNew" }), "UNAVAILABLE")
    assert.strictEqual(frames([{ type: "finish" }]), "data: {\"type\":\"finish\"}\n\n")
  })
})
