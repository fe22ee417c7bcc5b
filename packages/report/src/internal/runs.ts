/** Builders of the answers and events of runs. */
import type { WireEvent, WireEventOf } from "@effect-noukai/sdk/FlowEvent"
import { misnamed, type Names, orThrow } from "@effect-noukai/sdk/kit/names"
import * as Kit from "@effect-noukai/sdk/kit/runs/report"
import { APIConnectionError, type CallError } from "@effect-noukai/sdk/NoukaiError"
import type { Operations } from "@effect-noukai/sdk/NoukaiHttp"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

type ExecuteResponse = Operations["execute"]["response"]

/** The facts of a run beside its result. */
export interface RunFacts {
  /** Default: `ex_test`. */
  readonly executionId?: string | undefined
  /** Default: `fl_test`. */
  readonly flowId?: string | undefined
  /** Default: 1. */
  readonly blockCount?: number | undefined
}

interface PauseFacts extends RunFacts {
  readonly pausedAtStep?: string | undefined
}

const factNames: Names<RunFacts> = { executionId: true, flowId: true, blockCount: true }

const pauseNames: Names<PauseFacts> = { ...factNames, pausedAtStep: true }

const common = (facts: RunFacts) => ({
  flowId: facts.flowId ?? "fl_test",
  blockCount: facts.blockCount ?? 1,
  executionId: facts.executionId ?? "ex_test"
})

/** The answer of a run that completed. Throws a `TypeError` for an unknown fact. */
export const completed = (result: unknown, facts: RunFacts = {}): Effect.Effect<ExecuteResponse> =>
  Effect.succeed({ status: "completed", result, ...common(orThrow("completed", facts, factNames)) })

/**
 * The answer of a run that failed; `error` is text, or an object with `code` and `message`. Throws a `TypeError` for an
 * unknown fact.
 */
export const failed = (error: unknown, facts: RunFacts = {}): Effect.Effect<ExecuteResponse> =>
  Effect.succeed({ status: "failed", result: error, ...common(orThrow("failed", facts, factNames)) })

/** A call of a tool by a model. */
export interface ToolCallInput {
  /** Default: `tc_` and the place of the call in the round, from 1. */
  readonly id?: string | undefined
  readonly name: string
  /** The arguments, which become JSON text. Default: `{}`. */
  readonly arguments?: unknown
}

const callNames: Names<ToolCallInput> = { id: true, name: true, arguments: "or null" }

export const pauseFields = (tools: ReadonlyArray<ToolCallInput>) => {
  const toolCalls = tools.map((given) => orThrow("tool call", given, callNames)).map((tool, place) => ({
    id: tool.id ?? `tc_${place + 1}`,
    type: "function",
    function: { name: tool.name, arguments: JSON.stringify(tool.arguments ?? {}) }
  }))
  return {
    iterationsUsed: 1,
    toolCallMessages: [{ role: "assistant", content: null, tool_calls: toolCalls }],
    toolCalls
  }
}

/** The answer of a run that waits for the results of these tools. Throws a `TypeError` for an unknown fact. */
export const paused = (
  tools: ReadonlyArray<ToolCallInput>,
  facts: RunFacts & { readonly pausedAtStep?: string | undefined } = {}
): Effect.Effect<ExecuteResponse> =>
  Effect.succeed({
    status: "tool_calls_required",
    pausedAtStep: facts.pausedAtStep ?? "step",
    accumulatedOutputs: {},
    ...pauseFields(tools),
    ...common(orThrow("paused", facts, pauseNames))
  })

type More<T extends WireEvent["type"]> = Partial<Omit<WireEventOf<T>, "type">>

/** Returns the fields of an event. Throws a `TypeError` for an unknown one. */
const known = <A extends object>(builder: string, fields: object, more: A | undefined): A | undefined => {
  const names = Object.fromEntries(Object.keys(fields).map((name) => [name, true as const]))
  const found = more === undefined ? undefined : misnamed("fields", more, names)
  if (found !== undefined) throw new TypeError(`${builder}: invalid ${found.field}: ${found.reason}`)
  return more
}

/** Events as the server sends them, for scripts and cassettes. Each throws a `TypeError` for an unknown field. */
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
  const { executionId = "ex_test", flowId = "fl_test" } = orThrow("run", facts, { executionId: true, flowId: true })
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
 * import { events, respond } from "@effect-noukai/report/testing"
 *
 * const answer = respond(...events.run({ classify: "order", answer: { text: "Monday" } }))
 * const scripted = Noukai.layerScripted({ step: [answer] })
 * ```
 */
export const events: Events = {
  runStarted: (more) => ({
    type: "run_started",
    executionId: "ex_test",
    ...known("runStarted", Kit.RunStarted.fields, more)
  }),
  stepStarted: (stepId, more) => ({
    type: "step_started",
    stepId,
    ...known("stepStarted", Kit.StepStarted.fields, more)
  }),
  stepInput: (stepId, inputData) => ({ type: "step_input", stepId, inputData }),
  stepOutput: (stepId, outputData) => ({ type: "step_output", stepId, outputData }),
  stepCompleted: (stepId, output, more) => ({
    type: "step_completed",
    stepId,
    output,
    ...known("stepCompleted", Kit.StepCompleted.fields, more)
  }),
  stepError: (stepId, error, more) => ({
    type: "step_error",
    stepId,
    error,
    ...known("stepError", Kit.StepError.fields, more)
  }),
  stepPaused: (nextStepIndex, more) => ({
    type: "step_paused",
    nextStepIndex,
    ...known("stepPaused", Kit.StepPaused.fields, more)
  }),
  toolCallsRequired: (stepId, tools, more) => ({
    type: "tool_calls_required",
    executionId: "ex_test",
    stepId,
    ...pauseFields(tools),
    ...known("toolCallsRequired", Kit.ToolCallsRequired.fields, more)
  }),
  flowCompleted: (result, more) => ({
    type: "flow_completed",
    result,
    ...known("flowCompleted", Kit.FlowCompleted.fields, more)
  }),
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
