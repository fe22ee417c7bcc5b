/**
 * The events that carry a cursor: it is built when asked for, and is not among their fields.
 *
 * @internal
 */
import type * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type * as FlowEvent from "../../FlowEvent.js"
import type { EventsError } from "../../NoukaiError.js"
import type { ToolCall, ToolResult } from "../../Tool.js"
import type { Mark } from "./streamCursor.js"

type Wire<T extends FlowEvent.WireEvent["type"]> = Extract<FlowEvent.WireEvent, { readonly type: T }>

/** @internal */
export class RunStarted implements FlowEvent.RunStarted {
  readonly type = "run_started"
  readonly executionId: string
  readonly flowId: string | undefined
  readonly stepCount: number | undefined
  readonly runId: string | undefined
  readonly #mark: Mark
  constructor(event: Wire<"run_started">, mark: Mark) {
    this.executionId = event.executionId
    this.flowId = event.flowId ?? undefined
    this.stepCount = event.stepCount ?? undefined
    this.runId = event.runId ?? undefined
    this.#mark = mark
  }
  get cursor(): FlowCursor {
    return this.#mark()
  }
}

const tokensOf = (tokens: Wire<"step_completed">["tokens"]): FlowEvent.Tokens | undefined =>
  tokens === undefined || tokens === null
    ? undefined
    : { prompt: tokens.prompt ?? 0, completion: tokens.completion ?? 0, total: tokens.total ?? 0 }

/** @internal */
export class StepCompleted implements FlowEvent.StepCompleted {
  readonly type = "step_completed"
  readonly stepId: string
  readonly name: string | undefined
  readonly output: unknown
  readonly durationMs: number | undefined
  readonly tokens: FlowEvent.Tokens | undefined
  readonly costUsd: string | undefined
  readonly #mark: Mark
  constructor(event: Wire<"step_completed">, readonly stepIndex: number, output: unknown, mark: Mark) {
    this.stepId = event.stepId
    this.name = event.name ?? undefined
    this.output = output
    this.durationMs = event.durationMs ?? undefined
    this.tokens = tokensOf(event.tokens)
    this.costUsd = event.costUsd ?? undefined
    this.#mark = mark
  }
  get cursor(): FlowCursor {
    return this.#mark()
  }
}

/** @internal */
export class StepPaused implements FlowEvent.StepPaused {
  readonly type = "step_paused"
  readonly stepIndex: number
  readonly #mark: Mark
  constructor(readonly executionId: string | undefined, readonly nextStepIndex: number, mark: Mark) {
    this.stepIndex = nextStepIndex - 1
    this.#mark = mark
  }
  get cursor(): FlowCursor {
    return this.#mark()
  }
}

/** @internal */
export type Resume = (
  cursor: FlowCursor,
  results: ReadonlyArray<ToolResult>
) => Stream.Stream<FlowEvent.FlowEvent, EventsError>

/** @internal */
export class ToolCallsRequired implements FlowEvent.ToolCallsRequired {
  readonly type = "tool_calls_required"
  readonly #mark: Mark
  readonly #resume: Resume
  constructor(
    readonly executionId: string,
    readonly stepId: string | undefined,
    readonly stepIndex: number,
    readonly toolCalls: ReadonlyArray<ToolCall>,
    mark: Mark,
    resume: Resume
  ) {
    this.#mark = mark
    this.#resume = resume
  }
  get cursor(): FlowCursor {
    return this.#mark()
  }
  get resume(): FlowEvent.ToolCallsRequired["resume"] {
    return (results) => this.#resume(this.#mark(), results)
  }
}
