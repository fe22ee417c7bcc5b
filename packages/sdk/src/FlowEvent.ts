/**
 * The events of a run: those that `FlowService.events` gives, and those that `NoukaiHttp` gives, as they come from the
 * server.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { FlowCursor } from "./FlowCursor.js"
import { absentable } from "./internal/core/json.js"
import { Fields, UnknownEvent } from "./internal/operations/wireEvent.js"
import type { CallError } from "./NoukaiError.js"
import type { ToolCall, ToolResult } from "./Tools.js"

export type { Tokens } from "./Trace.js"

const runStarted = Schema.Struct({
  type: Schema.Literal("run_started"),
  executionId: Schema.String,
  flowId: Schema.UndefinedOr(Schema.String),
  stepCount: Schema.UndefinedOr(Schema.Number),
  runId: Schema.UndefinedOr(Schema.String)
})

const stepStarted = Schema.Struct({
  type: Schema.Literal("step_started"),
  stepId: Schema.String,
  name: Schema.UndefinedOr(Schema.String),
  /** 0-based, in the whole flow. */
  stepIndex: Schema.Number
})

const stepInput = Schema.Struct({
  type: Schema.Literal("step_input"),
  stepId: Schema.String,
  inputData: absentable(Schema.Unknown)
})

const stepOutput = Schema.Struct({
  type: Schema.Literal("step_output"),
  stepId: Schema.String,
  outputData: absentable(Schema.Unknown)
})

const stepCompleted = Schema.Struct({
  type: Schema.Literal("step_completed"),
  stepId: Schema.String,
  name: Schema.UndefinedOr(Schema.String),
  /** 0-based, in the whole flow. */
  stepIndex: Schema.Number,
  output: absentable(Schema.Unknown),
  /** The event that carried the output. Absent with it. */
  outputFrom: absentable(Schema.Literal("completed", "step_output")),
  /** Milliseconds. */
  durationMs: Schema.UndefinedOr(Schema.Number),
  tokens: Schema.UndefinedOr(Schema.Struct({ prompt: Schema.Number, completion: Schema.Number, total: Schema.Number })),
  /** US dollars, as decimal text. */
  costUsd: Schema.UndefinedOr(Schema.String)
})

const stepError = Schema.Struct({
  type: Schema.Literal("step_error"),
  stepId: Schema.String,
  name: Schema.UndefinedOr(Schema.String),
  error: Schema.Unknown,
  code: Schema.UndefinedOr(Schema.String),
  message: Schema.UndefinedOr(Schema.String)
})

const stepPaused = Schema.Struct({
  type: Schema.Literal("step_paused"),
  executionId: Schema.UndefinedOr(Schema.String),
  /** The step that has just completed; 0-based, in the whole flow. */
  stepIndex: Schema.Number,
  nextStepIndex: Schema.Number
})

const flowCompleted = Schema.Struct({
  type: Schema.Literal("flow_completed"),
  executionId: Schema.UndefinedOr(Schema.String),
  runId: Schema.UndefinedOr(Schema.String),
  result: absentable(Schema.Unknown),
  /** The origin of the result. Absent with it. */
  resultFrom: absentable(Schema.Literal("completed", "last_step")),
  /** Totals, as the server sent them. */
  summary: Schema.UndefinedOr(Fields)
})

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
export interface RunStarted extends Schema.Schema.Type<typeof runStarted>, RawEvent {
  /** The place of the run. Built when it is read. */
  readonly cursor: FlowCursor
}

/**
 * A step has begun. A step that paused for tool calls may begin a second time.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepStarted extends Schema.Schema.Type<typeof stepStarted>, RawEvent {}

/**
 * The input of a step; absent where the server did not send it.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepInput extends Schema.Schema.Type<typeof stepInput>, RawEvent {}

/**
 * The output of a step so far, in part or in whole. May come many times.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepOutput extends Schema.Schema.Type<typeof stepOutput>, RawEvent {}

/**
 * A step has completed. Its output is the output of the event, or else of the `step_output` before it; the key is absent
 * where the server sent neither.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepCompleted extends Schema.Schema.Type<typeof stepCompleted>, RawEvent {
  /** The place of the run, this step included. Built when it is read. */
  readonly cursor: FlowCursor
}

/**
 * A step has failed, and the run with it: the last event. `error` is the server's error; `code` and `message` are taken
 * from it where it has them.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepError extends Schema.Schema.Type<typeof stepError>, RawEvent {}

/**
 * The run waits between two steps. The next request is sent when the next event is pulled.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepPaused extends Schema.Schema.Type<typeof stepPaused>, RawEvent {
  /** The place of the run. Built when it is read. */
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
 * The run has ended: the last event. Its result is the result of the event, or else the output of the step that completed
 * last; the key is absent where neither is known. The replay of a session also ends with it after the `step_error` of a
 * failed step: the result is then null, and `summary.failedAtStep` names the step.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowCompleted<out A = unknown>
  extends Omit<Schema.Schema.Type<typeof flowCompleted>, "result">, RawEvent
{
  readonly result: A
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
  runStarted,
  stepStarted,
  stepInput,
  stepOutput,
  stepCompleted,
  stepError,
  stepPaused,
  flowCompleted,
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
