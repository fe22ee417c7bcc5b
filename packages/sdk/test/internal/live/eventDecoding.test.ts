import type { FlowEvent } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { decodeEvent } from "../../../src/internal/http/eventStream.js"

const decode = (name: string | undefined, data: unknown) => {
  const warnings: Array<string> = []
  const event = decodeEvent(
    name,
    typeof data === "string" ? data : JSON.stringify(data),
    (text) => warnings.push(text)
  )
  return { event, warnings }
}

const known = (name: string | undefined, data: unknown, event: FlowEvent.WireEvent) => {
  const decoded = decode(name, data)
  assert.deepInclude(decoded.event, event)
  assert.deepStrictEqual(decoded.warnings, [])
}

const fatal = (name: string, data: unknown): string => {
  const { event } = decode(name, data)
  return event?.type === "undecodable" ? event.reason : assert.fail(`${name} was decoded`)
}

const dropped = (name: string | undefined, data: unknown): ReadonlyArray<string> => {
  const { event, warnings } = decode(name, data)
  assert.isUndefined(event)
  assert.isAbove(warnings.length, 0)
  return warnings
}

const call = { id: "tc_1", type: "function", function: { name: "lookup_order", arguments: "{}" } }

const pause = { executionId: "ex", iterationsUsed: 1, toolCallMessages: [], toolCalls: [call] }

describe("decodeEvent", () => {
  describe("events: the vocabulary", () => {
    it("run_started, with and without what older servers sent (B-PY-3)", () => {
      known("run_started", { executionId: "ex" }, { type: "run_started", executionId: "ex" })
      const whole = { executionId: "ex", flowId: "fl", stepCount: 2, runId: "r" }
      known("run_started", whole, { type: "run_started", ...whole })
    })

    it("flow_started is run_started", () => {
      known("flow_started", { executionId: "ex" }, { type: "run_started", executionId: "ex" })
    })

    it("step_started, step_input, step_output", () => {
      const started = { stepId: "a", name: "A", stepIndex: 0 }
      known("step_started", started, { type: "step_started", ...started })
      known("step_started", { stepId: "a" }, { type: "step_started", stepId: "a" })
      const input = { stepId: "a", inputData: { x: null } }
      known("step_input", input, { type: "step_input", ...input })
      known("step_output", { stepId: "a", outputData: "part" }, {
        type: "step_output",
        stepId: "a",
        outputData: "part"
      })
    })

    it("step_completed, its optional fields absent or null", () => {
      const whole = {
        stepId: "a",
        name: "A",
        output: { x: [1] },
        durationMs: 412,
        tokens: { prompt: 1, completion: 2, total: 3 },
        costUsd: "0.00031"
      }
      known("step_completed", whole, { type: "step_completed", ...whole })
      known("step_completed", { stepId: "a" }, { type: "step_completed", stepId: "a" })
      const nulls = { stepId: "a", name: null, output: null, durationMs: null, tokens: null, costUsd: null }
      known("step_completed", nulls, { type: "step_completed", ...nulls })
    })

    it("step_error, whatever its error looks like (B-PY-7)", () => {
      for (const error of [{ code: "X", message: "m" }, "boom", null, 7, ["x"]]) {
        known("step_error", { stepId: "a", error }, { type: "step_error", stepId: "a", error })
      }
      known("step_error", { stepId: "a" }, { type: "step_error", stepId: "a" })
    })

    it("step_paused without a stepId (B-PY-3)", () => {
      known("step_paused", {}, { type: "step_paused" })
      known("step_paused", { executionId: "ex", nextStepIndex: 1 }, {
        type: "step_paused",
        executionId: "ex",
        nextStepIndex: 1
      })
    })

    it("step_paused_for_tool_calls is tool_calls_required here; no toolCalls and null outputs are tolerated (5.3)", () => {
      known("step_paused_for_tool_calls", pause, { type: "tool_calls_required", ...pause })
      const { toolCalls: _, ...bare } = { ...pause, accumulatedOutputs: null }
      known("step_paused_for_tool_calls", bare, { type: "tool_calls_required", ...bare })
    })

    it("a tool pause leaves out what a pause of /execute may lack, and keeps calls that it cannot read", () => {
      const odd = { ...pause, executionId: 7, iterationsUsed: "1", toolCalls: {}, accumulatedOutputs: [] }
      const { event } = decode("step_paused_for_tool_calls", odd)
      const { executionId: _, iterationsUsed: _used, toolCalls: _calls, ...rest } = pause
      assert.deepStrictEqual(event as object, { type: "tool_calls_required", ...rest })
      const calls = {
        ...pause,
        toolCalls: [{ id: 1 }, { id: "tc_1", function: { name: "look", arguments: { x: 1 } } }]
      }
      known("step_paused_for_tool_calls", calls, { type: "tool_calls_required", ...calls })
    })

    it("flow_completed", () => {
      known("flow_completed", {}, { type: "flow_completed" })
      const whole = { executionId: "ex", result: { text: "x" }, summary: { steps: 2 } }
      known("flow_completed", whole, { type: "flow_completed", ...whole })
    })

    it("step_progress, loop_completed and names of the future are unknown events; tool_calls_required is none of the wire's", () => {
      for (const name of ["step_progress", "loop_completed", "step_dreamt", "tool_calls_required"]) {
        known(name, { stepId: "a", x: 1 }, { type: "unknown", name, data: { stepId: "a", x: 1 } })
      }
    })
  })

  describe("frames: which event a frame is", () => {
    it("the event field wins over eventType", () => {
      known("step_started", { eventType: "flow_completed", stepId: "a" }, { type: "step_started", stepId: "a" })
    })

    it("without one, eventType counts", () => {
      known(undefined, { eventType: "step_started", stepId: "a" }, { type: "step_started", stepId: "a" })
      known(undefined, { eventType: "step_dreamt" }, {
        type: "unknown",
        name: "step_dreamt",
        data: { eventType: "step_dreamt" }
      })
    })

    it("a type of the payload's own does not count", () => {
      known("step_started", { type: "flow_completed", stepId: "a" }, { type: "step_started", stepId: "a" })
      dropped(undefined, { type: "flow_completed" })
    })
  })

  describe("frames that do not fit", () => {
    const essential = [
      "run_started",
      "flow_started",
      "step_completed",
      "step_error",
      "step_paused",
      "step_paused_for_tool_calls",
      "flow_completed"
    ]

    it("one that the run depends on is fatal if it is no JSON object, and quotes nothing (B-TS-22)", () => {
      for (const name of essential) {
        for (const data of ["{\"secret\":", "null", "[\"secret\"]", "\"secret\"", "7", ""]) {
          assert.strictEqual(fatal(name, data), `an event ${name} is not a JSON object`)
        }
      }
    })

    it("any other is dropped with a warning", () => {
      for (const name of ["step_started", "step_input", "step_output", "step_progress", "step_dreamt", undefined]) {
        dropped(name, "{\"broken\": ")
        dropped(name, "null")
      }
      dropped(undefined, {})
      dropped(undefined, { eventType: 7 })
      dropped("step_started", { name: "A" })
      dropped("step_output", { stepId: 1, outputData: "x" })
    })

    it("a field that drives the run is fatal if it is missing or wrong", () => {
      const rows: ReadonlyArray<readonly [string, object, string]> = [
        ["run_started", {}, "executionId"],
        ["run_started", { executionId: 7 }, "executionId"],
        ["step_completed", { output: 1 }, "stepId"],
        ["step_error", { error: "boom" }, "stepId"],
        ["step_paused", { nextStepIndex: "1" }, "nextStepIndex"],
        ["step_paused", { nextStepIndex: -1 }, "nextStepIndex"],
        ["step_paused", { nextStepIndex: 0.5 }, "nextStepIndex"],
        ["step_paused_for_tool_calls", { ...pause, toolCallMessages: {} }, "toolCallMessages"],
        ["step_paused_for_tool_calls", { ...pause, stepIndex: "0" }, "stepIndex"]
      ]
      for (const [name, data, field] of rows) {
        assert.strictEqual(fatal(name, data), `an event ${name} has no ${field} that fits`)
      }
    })

    it("a run that is named by runId alone is named", () => {
      const { event } = decode("run_started", { runId: "r-1", executionId: 7 })
      assert.deepInclude(event, { type: "run_started", runId: "r-1" })
      assert.notProperty(event, "executionId")
    })

    it("a field that only informs is left out with a warning: it is not worth a paid run", () => {
      const { event, warnings } = decode("step_completed", {
        stepId: "a",
        name: 7,
        output: { kept: true },
        durationMs: "412",
        tokens: { prompt: "1" },
        costUsd: 0.1
      })
      assert.deepStrictEqual(event as object, { type: "step_completed", stepId: "a", output: { kept: true } })
      assert.strictEqual(warnings.length, 4)
      assert.deepInclude(decode("flow_completed", { result: 1, summary: "x" }).event, {
        type: "flow_completed",
        result: 1
      })
      assert.deepInclude(decode("run_started", { executionId: "ex", stepCount: "2" }).event, {
        type: "run_started",
        executionId: "ex"
      })
    })
  })
})
