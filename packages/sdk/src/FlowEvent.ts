/**
 * The events of a run: those that `FlowService.events` gives, and those that `NoukaiHttp` gives, as they come from the
 * server.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { FlowCursor } from "./FlowCursor.js"
import { Fields, UnknownEvent } from "./internal/operations/wireEvent.js"
import type { CallError } from "./NoukaiError.js"
import type { ToolCall, ToolResult } from "./Tools.js"
import type { Tokens } from "./Trace.js"

export type { Tokens } from "./Trace.js"

/**
 * An event that this version does not know.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Unknown: typeof UnknownEvent = UnknownEvent

/**
 * @since 0.1.0
 * @category models
 */
export interface Unknown extends Schema.Schema.Type<typeof Unknown>, RawEvent {}

export type {
  /**
   * An event as the server sent it, under the names of this package: the elements of the streams of `NoukaiHttp`. Indices
   * are the server's, and there is no cursor.
   *
   * @since 0.1.0
   * @category models
   */
  WireEvent,
  /**
   * An event of a stream as Noukai sends it, of one type.
   *
   * @since 0.1.0
   * @category models
   */
  WireEventOf
} from "./internal/operations/wireEvent.js"

/**
 * An event as it was received.
 *
 * @since 0.1.0
 * @category models
 */
export interface RawEvent {
  /**
   * The JSON of the event, unknown keys included, without the API key. Not enumerable, and built when asked for. Absent
   * where no server sent the event, as in the replay of a session.
   */
  readonly raw?: unknown
}

/**
 * The run has begun; once per run. From here on a cut stream can go on.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunStarted extends RawEvent {
  readonly type: "run_started"
  readonly executionId: string
  readonly flowId: string | undefined
  readonly stepCount: number | undefined
  readonly runId: string | undefined
  /** The place of the run. Built when asked for. */
  readonly cursor: FlowCursor
}

/**
 * A step has begun. A step that paused for tool calls may begin a second time.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepStarted extends RawEvent {
  readonly type: "step_started"
  readonly stepId: string
  readonly name: string | undefined
  /** 0-based, in the whole flow. */
  readonly stepIndex: number
}

/**
 * The input of a step; absent where the server did not send it.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepInput extends RawEvent {
  readonly type: "step_input"
  readonly stepId: string
  readonly inputData?: unknown
}

/**
 * The output of a step so far, in part or in whole. May come many times.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepOutput extends RawEvent {
  readonly type: "step_output"
  readonly stepId: string
  readonly outputData?: unknown
}

/**
 * A step has completed. Its output is that of the event, or else of the `step_output` before it; the key is absent
 * where the server sent neither.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepCompleted extends RawEvent {
  readonly type: "step_completed"
  readonly stepId: string
  readonly name: string | undefined
  readonly output?: unknown
  /** The event that carried the output. Absent with it. */
  readonly outputFrom?: "completed" | "step_output"
  /** Milliseconds. */
  readonly durationMs: number | undefined
  readonly tokens: Tokens | undefined
  /** US dollars, as decimal text. */
  readonly costUsd: string | undefined
  /** 0-based, in the whole flow. */
  readonly stepIndex: number
  /** The place of the run, this step included. Built when asked for. */
  readonly cursor: FlowCursor
}

/**
 * A step has failed, and the run with it: the last event. `error` is the server's error; `code` and `message` are taken
 * from it where it has them.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepError extends RawEvent {
  readonly type: "step_error"
  readonly stepId: string
  readonly name: string | undefined
  readonly error: unknown
  readonly code: string | undefined
  readonly message: string | undefined
}

/**
 * The run waits between two steps. The next request is sent when the next event is pulled.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepPaused extends RawEvent {
  readonly type: "step_paused"
  readonly executionId: string | undefined
  /** The step that has just completed; 0-based, in the whole flow. */
  readonly stepIndex: number
  readonly nextStepIndex: number
  /** The place of the run. Built when asked for. */
  readonly cursor: FlowCursor
}

/**
 * The run waits for tool results, and the stream ends: `resume` gives the stream that follows. Only with tools declared
 * by hand.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCallsRequired<out A = unknown> extends RawEvent {
  readonly type: "tool_calls_required"
  readonly executionId: string
  readonly stepId: string | undefined
  /** 0-based, in the whole flow. */
  readonly stepIndex: number
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** The place of the run, from which the pause can be answered later, in another process. Built when asked for. */
  readonly cursor: FlowCursor
  /**
   * The stream that follows, given exactly one result per call. Missing, unknown or duplicate results are an
   * `InvalidRequestError` before anything is sent. Nothing is sent until the stream runs. A run with `maxCostUsd` that
   * has cost more is a `CostLimitError`.
   */
  readonly resume: (results: ReadonlyArray<ToolResult>) => Stream.Stream<FlowEvent<A>, CallError>
}

/**
 * The run has ended: the last event. Its result is that of the event, or else the output of the step that completed
 * last; the key is absent where neither is known. The replay of a session also ends with it after the `step_error` of a
 * failed step: the result is then null, and `summary.failedAtStep` names the step.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowCompleted<out A = unknown> extends RawEvent {
  readonly type: "flow_completed"
  readonly executionId: string | undefined
  readonly runId: string | undefined
  readonly result: A
  /** The origin of the result. Absent with it. */
  readonly resultFrom?: "completed" | "last_step"
  /** Totals, as the server sent them. */
  readonly summary: { readonly [key: string]: unknown } | undefined
}

/**
 * Every event but the pause for tool calls.
 *
 * @since 0.1.0
 * @category models
 */
export type RunEvent<A = unknown> =
  | RunStarted
  | StepStarted
  | StepInput
  | StepOutput
  | StepCompleted
  | StepError
  | StepPaused
  | FlowCompleted<A>
  | Unknown

/**
 * An event of a run, told apart by `type`. `A` is the result of the flow.
 *
 * @since 0.1.0
 * @category models
 */
export type FlowEvent<A = unknown> = RunEvent<A> | ToolCallsRequired<A>

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(schema)

const stepFields = { stepId: Schema.String, name: maybe(Schema.String) }

/**
 * Run events as JSON, for programs that pass them on: an endpoint encodes the events of a run with it, and the page
 * decodes them. Cursors and `raw` are not part of it.
 *
 * @example
 * ```ts
 * import { FlowEvent, FlowService } from "@effect-noukai/sdk"
 * import { Effect, Schema, Stream } from "effect"
 *
 * const lines = Stream.unwrap(Effect.map(FlowService, (flows) =>
 *   flows.events("acme/spelling/grade-3", { message: "The cat sat." }).pipe(
 *     Stream.mapEffect(Schema.encode(Schema.parseJson(FlowEvent.RunEventJson)))
 *   )))
 * ```
 *
 * @since 0.1.0
 * @category schemas
 */
export const RunEventJson = Schema.Union(
  Schema.Struct({
    type: Schema.Literal("run_started"),
    executionId: Schema.String,
    flowId: maybe(Schema.String),
    stepCount: maybe(Schema.Number),
    runId: maybe(Schema.String)
  }),
  Schema.Struct({ type: Schema.Literal("step_started"), ...stepFields, stepIndex: Schema.Number }),
  Schema.Struct({ type: Schema.Literal("step_input"), stepId: Schema.String, inputData: maybe(Schema.Unknown) }),
  Schema.Struct({ type: Schema.Literal("step_output"), stepId: Schema.String, outputData: maybe(Schema.Unknown) }),
  Schema.Struct({
    type: Schema.Literal("step_completed"),
    ...stepFields,
    stepIndex: Schema.Number,
    output: maybe(Schema.Unknown),
    outputFrom: maybe(Schema.Literal("completed", "step_output")),
    durationMs: maybe(Schema.Number),
    tokens: maybe(Schema.Struct({ prompt: Schema.Number, completion: Schema.Number, total: Schema.Number })),
    costUsd: maybe(Schema.String)
  }),
  Schema.Struct({
    type: Schema.Literal("step_error"),
    ...stepFields,
    error: Schema.Unknown,
    code: maybe(Schema.String),
    message: maybe(Schema.String)
  }),
  Schema.Struct({
    type: Schema.Literal("step_paused"),
    executionId: maybe(Schema.String),
    stepIndex: Schema.Number,
    nextStepIndex: Schema.Number
  }),
  Schema.Struct({
    type: Schema.Literal("flow_completed"),
    executionId: maybe(Schema.String),
    runId: maybe(Schema.String),
    result: maybe(Schema.Unknown),
    resultFrom: maybe(Schema.Literal("completed", "last_step")),
    summary: maybe(Fields)
  }),
  Unknown
)

/**
 * @since 0.1.0
 * @category models
 */
export type RunEventJson = Schema.Schema.Type<typeof RunEventJson>

/**
 * Whether a run ends with this event; a stream that ends without one was cut. Nothing follows it but, in the replay of
 * a session, `flow_completed` after a `step_error`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTerminal = (event: { readonly type: string }): boolean =>
  event.type === "flow_completed" || event.type === "step_error"
