/**
 * The events that callers see. The cursor and the JSON of an event are built when asked for, and are not among its
 * fields.
 */
import type * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type * as FlowEvent from "../../FlowEvent.js"
import type { CallError, CostLimitError } from "../../NoukaiError.js"
import { rawOf } from "../operations/wireEvent.js"
import { inputOf, type KnownOutput, type KnownResult, partialOutputOf } from "./stepOutputs.js"
import type { Mark } from "./streamCursor.js"
import type { ToolCall, ToolResult } from "./tool.js"

/** An event of a run that may have a limit of cost. */
export type DeliveredRunEvent = FlowEvent.FlowEvent<unknown, CostLimitError>

const closing: unique symbol = Symbol("@effect-noukai/sdk/closing")

/**
 * A failed step. It ends a live response, but of a replayed run the event after it is known: it is kept with the failed
 * step, so that it is delivered however the events are chunked.
 *
 * @see contract 10.7
 */
type FailedStep = FlowEvent.WireEventOf<"step_error"> & {
  readonly [closing]?: FlowEvent.WireEventOf<"flow_completed">
}

/** The failed step, with the event that ends its run. */
export const closedBy = (
  event: FlowEvent.WireEventOf<"step_error">,
  value: FlowEvent.WireEventOf<"flow_completed">
): FailedStep => Object.defineProperty({ ...event }, closing, { value })

export const closingOf = (event: FailedStep): FlowEvent.WireEventOf<"flow_completed"> | undefined => event[closing]

/** An event with the wire event behind it, if there is one. */
class DeliveredEvent {
  readonly #event: FlowEvent.WireEvent | undefined
  constructor(event: FlowEvent.WireEvent | undefined) {
    this.#event = event
  }
  get raw(): unknown {
    return this.#event === undefined ? undefined : rawOf(this.#event)
  }
}

/** An event from which a run can go on. */
class ResumableEvent extends DeliveredEvent {
  readonly #mark: Mark
  constructor(event: FlowEvent.WireEvent | undefined, mark: Mark) {
    super(event)
    this.#mark = mark
  }
  get cursor(): FlowCursor {
    return this.#mark()
  }
}

export class RunStarted extends ResumableEvent implements FlowEvent.RunStarted {
  readonly type = "run_started"
  readonly flowId: string | undefined
  readonly stepCount: number | undefined
  readonly runId: string | undefined
  constructor(event: FlowEvent.WireEventOf<"run_started">, readonly executionId: string, mark: Mark) {
    super(event, mark)
    this.flowId = event.flowId ?? undefined
    this.stepCount = event.stepCount ?? undefined
    this.runId = event.runId ?? undefined
  }
}

export class StepStarted extends DeliveredEvent implements FlowEvent.StepStarted {
  readonly type = "step_started"
  readonly stepId: string
  readonly name: string | undefined
  constructor(event: FlowEvent.WireEventOf<"step_started">, readonly stepIndex: number) {
    super(event)
    this.stepId = event.stepId
    this.name = event.name ?? undefined
  }
}

export class StepInput extends DeliveredEvent implements FlowEvent.StepInput {
  readonly type = "step_input"
  readonly stepId: string
  declare readonly inputData?: unknown
  constructor(event: FlowEvent.WireEventOf<"step_input">) {
    super(event)
    this.stepId = event.stepId
    const input = inputOf(event)
    if (input !== undefined) this.inputData = input
  }
}

export class StepOutput extends DeliveredEvent implements FlowEvent.StepOutput {
  readonly type = "step_output"
  readonly stepId: string
  declare readonly outputData?: unknown
  constructor(event: FlowEvent.WireEventOf<"step_output">) {
    super(event)
    this.stepId = event.stepId
    const output = partialOutputOf(event)
    if (output !== undefined) this.outputData = output
  }
}

const tokensOf = (tokens: FlowEvent.WireEventOf<"step_completed">["tokens"]): FlowEvent.Tokens | undefined =>
  tokens === undefined || tokens === null
    ? undefined
    : { prompt: tokens.prompt ?? 0, completion: tokens.completion ?? 0, total: tokens.total ?? 0 }

export class StepCompleted extends ResumableEvent implements FlowEvent.StepCompleted {
  readonly type = "step_completed"
  readonly stepId: string
  readonly name: string | undefined
  declare readonly output?: unknown
  declare readonly outputFrom?: KnownOutput["from"]
  readonly durationMs: number | undefined
  readonly tokens: FlowEvent.Tokens | undefined
  readonly costUsd: string | undefined
  constructor(
    event: FlowEvent.WireEventOf<"step_completed">,
    readonly stepIndex: number,
    output: KnownOutput | undefined,
    mark: Mark
  ) {
    super(event, mark)
    this.stepId = event.stepId
    this.name = event.name ?? undefined
    if (output !== undefined) {
      this.output = output.value
      this.outputFrom = output.from
    }
    this.durationMs = event.durationMs ?? undefined
    this.tokens = tokensOf(event.tokens)
    this.costUsd = event.costUsd ?? undefined
  }
}

export class StepError extends DeliveredEvent implements FlowEvent.StepError {
  readonly type = "step_error"
  readonly stepId: string
  readonly name: string | undefined
  readonly error: unknown
  constructor(
    event: FlowEvent.WireEventOf<"step_error">,
    readonly code: string | undefined,
    readonly message: string | undefined
  ) {
    super(event)
    this.stepId = event.stepId
    this.name = event.name ?? undefined
    this.error = event.error
  }
}

export class StepPaused extends ResumableEvent implements FlowEvent.StepPaused {
  readonly type = "step_paused"
  readonly stepIndex: number
  constructor(
    event: FlowEvent.WireEventOf<"step_paused"> | undefined,
    readonly executionId: string | undefined,
    readonly nextStepIndex: number,
    mark: Mark
  ) {
    super(event, mark)
    this.stepIndex = nextStepIndex - 1
  }
}

export type ResumeStream = (
  cursor: FlowCursor,
  results: ReadonlyArray<ToolResult>
) => Stream.Stream<DeliveredRunEvent, CallError | CostLimitError>

export class ToolCallsRequired extends ResumableEvent implements FlowEvent.ToolCallsRequired<unknown, CostLimitError> {
  readonly type = "tool_calls_required"
  readonly #resume: ResumeStream
  constructor(
    event: FlowEvent.WireEventOf<"tool_calls_required"> | undefined,
    readonly executionId: string,
    readonly stepId: string | undefined,
    readonly stepIndex: number,
    readonly toolCalls: ReadonlyArray<ToolCall>,
    mark: Mark,
    resume: ResumeStream
  ) {
    super(event, mark)
    this.#resume = resume
  }
  get resume(): FlowEvent.ToolCallsRequired<unknown, CostLimitError>["resume"] {
    return (results) => this.#resume(this.cursor, results)
  }
}

export class FlowCompleted extends DeliveredEvent implements FlowEvent.FlowCompleted {
  readonly type = "flow_completed"
  readonly runId: string | undefined
  declare readonly result: unknown
  declare readonly resultFrom?: KnownResult["from"]
  readonly summary: { readonly [key: string]: unknown } | undefined
  constructor(
    event: FlowEvent.WireEventOf<"flow_completed">,
    readonly executionId: string | undefined,
    result: KnownResult | undefined
  ) {
    super(event)
    this.runId = event.runId ?? undefined
    if (result !== undefined) {
      this.result = result.value
      this.resultFrom = result.from
    }
    this.summary = event.summary ?? undefined
  }
}

export class Unknown extends DeliveredEvent implements FlowEvent.Unknown {
  readonly type = "unknown"
  readonly name: string
  readonly data: { readonly [key: string]: unknown }
  constructor(event: FlowEvent.WireEventOf<"unknown">) {
    super(event)
    this.name = event.name
    this.data = event.data
  }
}
