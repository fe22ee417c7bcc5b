import * as Stream from "effect/Stream"
import { APIConnectionError, type CallError } from "../../NoukaiError.js"
import type { WireEvent, WireEventOf } from "../operations/wireEvent.js"
import { pauseFields, type ToolCallInput } from "./results.js"

type More<T extends WireEvent["type"]> = Partial<Omit<WireEventOf<T>, "type">>

/** Events as the server sends them, for scripts and cassettes. */
export interface Events {
  /** Default: the run `ex_test`. */
  readonly runStarted: (more?: More<"run_started">) => WireEventOf<"run_started">
  readonly stepStarted: (stepId: string, more?: More<"step_started">) => WireEventOf<"step_started">
  readonly stepInput: (stepId: string, inputData: unknown) => WireEventOf<"step_input">
  readonly stepOutput: (stepId: string, outputData: unknown) => WireEventOf<"step_output">
  readonly stepCompleted: (
    stepId: string,
    output: unknown,
    more?: More<"step_completed">
  ) => WireEventOf<"step_completed">
  /** `error` is text, or an object with `code` and `message`. */
  readonly stepError: (stepId: string, error: unknown, more?: More<"step_error">) => WireEventOf<"step_error">
  readonly stepPaused: (nextStepIndex: number, more?: More<"step_paused">) => WireEventOf<"step_paused">
  /** Default: a pause of the run `ex_test`. */
  readonly toolCallsRequired: (
    stepId: string,
    tools: ReadonlyArray<ToolCallInput>,
    more?: More<"tool_calls_required">
  ) => WireEventOf<"tool_calls_required">
  readonly flowCompleted: (result: unknown, more?: More<"flow_completed">) => WireEventOf<"flow_completed">
  /** A whole run, from the output of each step, in order; the last one is the result. */
  readonly run: (
    outputs: { readonly [stepId: string]: unknown },
    facts?: { readonly executionId?: string | undefined; readonly flowId?: string | undefined }
  ) => ReadonlyArray<WireEvent>
}

const run: Events["run"] = (outputs, facts = {}) => {
  const { executionId = "ex_test", flowId = "fl_test" } = facts
  const steps = Object.entries(outputs)
  return [
    events.runStarted({ executionId, flowId, stepCount: steps.length }),
    ...steps.flatMap(([stepId, output], stepIndex) => [
      events.stepStarted(stepId, { stepIndex }),
      events.stepCompleted(stepId, output)
    ]),
    events.flowCompleted(steps.at(-1)?.[1] ?? null, { executionId })
  ]
}

/**
 * Builders of events.
 *
 * @example
 * ```ts
 * import { Noukai } from "@effect-noukai/sdk"
 * import { events, respond } from "@effect-noukai/sdk/testing"
 *
 * const answer = respond(...events.run({ classify: "order", answer: { text: "Monday" } }))
 * const scripted = Noukai.layerScripted({ step: [answer] })
 * ```
 */
export const events: Events = {
  runStarted: (more) => ({ type: "run_started", executionId: "ex_test", ...more }),
  stepStarted: (stepId, more) => ({ type: "step_started", stepId, ...more }),
  stepInput: (stepId, inputData) => ({ type: "step_input", stepId, inputData }),
  stepOutput: (stepId, outputData) => ({ type: "step_output", stepId, outputData }),
  stepCompleted: (stepId, output, more) => ({ type: "step_completed", stepId, output, ...more }),
  stepError: (stepId, error, more) => ({ type: "step_error", stepId, error, ...more }),
  stepPaused: (nextStepIndex, more) => ({ type: "step_paused", nextStepIndex, ...more }),
  toolCallsRequired: (stepId, tools, more) => ({
    type: "tool_calls_required",
    executionId: "ex_test",
    stepId,
    ...pauseFields(tools),
    ...more
  }),
  flowCompleted: (result, more) => ({ type: "flow_completed", result, ...more }),
  run
}

/** A response that ends cleanly after its events. */
export const respond = (...events: ReadonlyArray<WireEvent>): Stream.Stream<WireEvent> => Stream.fromIterable(events)

const lost = (): APIConnectionError =>
  new APIConnectionError({ method: "test", detail: "the connection was cut", sent: "yes", isRetryable: false })

/** A response that breaks after its events, with a lost connection or an error of yours. */
export const cut = (
  events: ReadonlyArray<WireEvent>,
  error: () => CallError = lost
): Stream.Stream<WireEvent, CallError> => Stream.concat(respond(...events), Stream.failSync(error))
