/**
 * The events that callers see. The cursor and the JSON of an event are built when they are read, and are not among its
 * fields.
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type * as FlowEvent from "../../FlowEvent.js"
import type { CallError } from "../../NoukaiError.js"
import { problemOf } from "../core/runProblem.js"
import { digitsAt, digitsIn, digitsOf, withDigits } from "../kit/plainJson.js"
import { rawOf } from "../operations/wireEvent.js"
import type { FlowRef } from "../options/address.js"
import { decodeResult } from "../options/flowCodec.js"
import * as RunFold from "./runFold.js"
import type { ToolResult } from "./tool.js"

const closing: unique symbol = Symbol("@effect-noukai/sdk/closing")

/**
 * A failed step. It ends a live response, but a replayed run knows the event after it. That event is kept with the
 * failed step, so that it is delivered however the events are chunked.
 *
 * @see docs/wire.md#replays
 */
type FailedStep = FlowEvent.WireEventOf<"step_error"> & {
  readonly [closing]?: FlowEvent.WireEventOf<"flow_completed">
}

/** The failed step, with the event that ends its run. */
export const closedBy = (
  event: FlowEvent.WireEventOf<"step_error">,
  value: FlowEvent.WireEventOf<"flow_completed">
): FailedStep => withDigits(Object.defineProperty({ ...event }, closing, { value }), digitsOf(event))

export const closingOf = (event: FailedStep): FlowEvent.WireEventOf<"flow_completed"> | undefined => event[closing]

/** An event with the wire event behind it, if there is one. */
class Delivered {
  readonly #event: FlowEvent.WireEvent | undefined
  constructor(event: FlowEvent.WireEvent | undefined) {
    this.#event = event
  }
  get raw(): unknown {
    return this.#event === undefined ? undefined : rawOf(this.#event)
  }
}

/** An event from which a run can go on. */
class Resumable extends Delivered {
  readonly #state: RunFold.RunState
  constructor(event: FlowEvent.WireEvent | undefined, state: RunFold.RunState) {
    super(event)
    this.#state = state
  }
  get cursor(): FlowCursor {
    return RunFold.cursorAt(this.#state)
  }
}

/** The end of a run. The key of the result is absent if the result is not known. */
class Completed extends Delivered {
  declare readonly result: unknown
}

export type ResumeStream = (
  cursor: FlowCursor,
  results: ReadonlyArray<ToolResult>
) => Stream.Stream<FlowEvent.FlowEvent, CallError>

/** A pause that the caller answers. */
class ManualPause extends Resumable {
  readonly #resume: ResumeStream
  constructor(event: FlowEvent.WireEvent | undefined, state: RunFold.RunState, resume: ResumeStream) {
    super(event, state)
    this.#resume = resume
  }
  get resume(): FlowEvent.ToolCallsRequired["resume"] {
    return (results) => this.#resume(this.cursor, results)
  }
}

export const stepPaused = (
  event: FlowEvent.WireEventOf<"step_paused"> | undefined,
  state: RunFold.RunState
): FlowEvent.StepPaused =>
  Object.assign(new Resumable(event, state), {
    type: "step_paused" as const,
    executionId: state.executionId,
    stepIndex: state.stepIndex - 1,
    nextStepIndex: state.stepIndex
  })

export const toolCallsRequired = (
  event: FlowEvent.WireEventOf<"tool_calls_required"> | undefined,
  state: RunFold.RunState,
  resume: ResumeStream
): FlowEvent.ToolCallsRequired =>
  Object.assign(new ManualPause(event, state, resume), {
    type: "tool_calls_required" as const,
    executionId: state.named ?? "",
    stepId: state.pending?.stepId,
    stepIndex: RunFold.stepToRun(state),
    toolCalls: state.pending?.toolCalls ?? []
  })

export const flowCompleted = (
  event: FlowEvent.WireEventOf<"flow_completed">,
  state: RunFold.RunState,
  result: RunFold.KnownResult | undefined
): FlowEvent.FlowCompleted =>
  withDigits(
    Object.assign(new Completed(event), {
      type: "flow_completed" as const,
      executionId: event.executionId ?? state.executionId,
      runId: event.runId ?? undefined,
      summary: event.summary ?? undefined,
      ...(result && { result: result.value, resultFrom: result.from })
    }),
    digitsIn([["result", result?.digits], ["summary", digitsAt(digitsOf(event), "summary")]])
  )

/** The end of a run, with the result decoded by the schema of its flow. */
export const decodedCompleted = (
  { addressText: address, flow, method }: { readonly flow: FlowRef<never> } & Record<"addressText" | "method", string>,
  event: FlowEvent.WireEventOf<"flow_completed">,
  state: RunFold.RunState,
  result: RunFold.KnownResult
): Effect.Effect<FlowEvent.FlowCompleted, CallError> => {
  const facts = { method, address, executionId: state.executionId, requestId: undefined }
  return Effect.map(
    decodeResult(flow, facts, result.value),
    (value) => flowCompleted(event, state, { ...result, value })
  )
}

const tokensOf = (tokens: FlowEvent.WireEventOf<"step_completed">["tokens"]): FlowEvent.Tokens | undefined =>
  tokens === undefined || tokens === null
    ? undefined
    : { prompt: tokens.prompt ?? 0, completion: tokens.completion ?? 0, total: tokens.total ?? 0 }

/** The two most frequent events are classes: `Object.assign` takes as long as the rest of the event. */
class StepStarted extends Delivered implements FlowEvent.StepStarted {
  readonly type = "step_started"
  readonly stepId: string
  readonly name: string | undefined
  constructor(event: FlowEvent.WireEventOf<"step_started">, readonly stepIndex: number) {
    super(event)
    this.stepId = event.stepId
    this.name = event.name ?? undefined
  }
}

class StepCompleted extends Resumable implements FlowEvent.StepCompleted {
  readonly type = "step_completed"
  readonly stepId: string
  readonly name: string | undefined
  declare readonly output?: unknown
  declare readonly outputFrom?: RunFold.KnownOutput["from"]
  readonly durationMs: number | undefined
  readonly tokens: FlowEvent.Tokens | undefined
  readonly costUsd: string | undefined
  constructor(event: FlowEvent.WireEventOf<"step_completed">, readonly stepIndex: number, state: RunFold.RunState) {
    super(event, state)
    this.stepId = event.stepId
    this.name = event.name ?? undefined
    if (state.output !== undefined) {
      this.output = state.output.value
      this.outputFrom = state.output.from
      withDigits(this, digitsIn([["output", state.output.digits]]))
    }
    this.durationMs = event.durationMs ?? undefined
    this.tokens = tokensOf(event.tokens)
    this.costUsd = event.costUsd ?? undefined
  }
}

/** The event for the caller, from the states before and after it. `undefined` for pauses for tools and the end of a run. */
export const deliveredOf = (
  before: RunFold.RunState,
  event: FlowEvent.WireEvent,
  after: RunFold.RunState
): FlowEvent.FlowEvent | undefined => {
  switch (event.type) {
    case "run_started":
      return before.begun ? undefined : Object.assign(new Resumable(event, after), {
        type: event.type,
        // a trace may be read by another id than the one in its events
        executionId: (after.places === undefined ? after.executionId : event.executionId || event.runId) ?? "",
        flowId: event.flowId ?? undefined,
        stepCount: event.stepCount ?? undefined,
        runId: event.runId ?? undefined
      })
    case "step_started":
      return new StepStarted(event, RunFold.placeOf(before, event.stepId))
    case "step_input": {
      const { digits, value: inputData } = RunFold.inputOf(event)
      const { stepId, type } = event
      const fields = inputData === undefined ? { type, stepId } : { type, stepId, inputData }
      return withDigits(Object.assign(new Delivered(event), fields), digitsIn([["inputData", digits]]))
    }
    case "step_output": {
      const { digits, value: outputData } = RunFold.partialOutputOf(event)
      const { stepId, type } = event
      const fields = outputData === undefined ? { type, stepId } : { type, stepId, outputData }
      return withDigits(Object.assign(new Delivered(event), fields), digitsIn([["outputData", digits]]))
    }
    case "step_completed":
      return new StepCompleted(event, RunFold.placeOf(before, event.stepId), after)
    case "step_error": {
      const { code, detail } = problemOf(event.error)
      const failed = Object.assign(new Delivered(event), {
        type: event.type,
        stepId: event.stepId,
        name: event.name ?? undefined,
        error: event.error,
        code,
        message: detail
      })
      return withDigits(failed, digitsIn([["error", digitsAt(digitsOf(event), "error")]]))
    }
    case "step_paused":
      return stepPaused(event, after)
    case "unknown":
      return withDigits(
        Object.assign(new Delivered(event), { type: event.type, name: event.name, data: event.data }),
        digitsOf(event)
      )
    case "tool_calls_required":
    case "flow_completed":
      return undefined
  }
}
