/** The events of the wire, and the JSON behind them. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { nullable } from "../core/json.js"
import { digitsOf, withDigits } from "../kit/plainJson.js"

const Index = Schema.NonNegativeInt

export const Fields = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** Marks fields that only inform: one that does not fit is dropped, and the event is kept. */
export const Informing: unique symbol = Symbol("@effect-noukai/sdk/Informing")

const informing = <A, I>(schema: Schema.Schema<A, I>): ReturnType<typeof nullable<A, I>> =>
  nullable(schema).annotations({ [Informing]: true })

/** The run has begun. `executionId` may be empty; older servers name the run in `runId` alone. */
export const RunStarted = Schema.Struct({
  type: Schema.Literal("run_started"),
  executionId: informing(Schema.String),
  flowId: informing(Schema.String),
  stepCount: informing(Index),
  runId: informing(Schema.String)
})

/** A step has begun. `stepIndex` counts from the first step of one response. */
export const StepStarted = Schema.Struct({
  type: Schema.Literal("step_started"),
  stepId: Schema.String,
  name: informing(Schema.String),
  stepIndex: informing(Schema.Number)
})

/** The input of a step. */
export const StepInput = Schema.Struct({
  type: Schema.Literal("step_input"),
  stepId: Schema.String,
  inputData: Schema.optional(Schema.Unknown),
  /** The input, where the hosted server puts it. */
  inputContext: Schema.optional(Schema.Unknown)
})

/** The output of a step so far, in part or in whole. */
export const StepOutput = Schema.Struct({
  type: Schema.Literal("step_output"),
  stepId: Schema.String,
  outputData: Schema.optional(Schema.Unknown),
  /** The output of the step, where the hosted server puts it. */
  outputContext: Schema.optional(Schema.Unknown)
})

/** A step has completed. The hosted server sends its output before, on `step_output`. */
export const StepCompleted = Schema.Struct({
  type: Schema.Literal("step_completed"),
  stepId: Schema.String,
  name: informing(Schema.String),
  output: Schema.optional(Schema.Unknown),
  durationMs: informing(Schema.Number),
  tokens: informing(Schema.Struct({
    prompt: nullable(Schema.Number),
    completion: nullable(Schema.Number),
    total: nullable(Schema.Number)
  })),
  costUsd: informing(Schema.String)
})

/** A step has failed, and the run with it. `error` is an object or text. */
export const StepError = Schema.Struct({
  type: Schema.Literal("step_error"),
  stepId: Schema.String,
  name: informing(Schema.String),
  error: Schema.optional(Schema.Unknown)
})

/** The run waits for the next request. */
export const StepPaused = Schema.Struct({
  type: Schema.Literal("step_paused"),
  executionId: nullable(Schema.String),
  nextStepIndex: nullable(Index),
  stepId: informing(Schema.String)
})

/**
 * The run waits for tool results; `step_paused_for_tool_calls` on the wire. `toolCallMessages` is opaque. The other
 * fields are as optional as those of a pause of `/execute`: where `toolCalls` cannot be read, the messages name the calls.
 */
export const ToolCallsRequired = Schema.Struct({
  type: Schema.Literal("tool_calls_required"),
  executionId: informing(Schema.String),
  iterationsUsed: informing(Schema.Number),
  toolCallMessages: Schema.Array(Schema.Unknown),
  toolCalls: informing(Schema.Array(Schema.Unknown)),
  accumulatedOutputs: informing(Fields),
  stepId: informing(Schema.String),
  stepIndex: nullable(Index),
  runId: informing(Schema.String)
})

/** The run has ended. The hosted server sends no `result`: it is the output of the step that completed last. */
export const FlowCompleted = Schema.Struct({
  type: Schema.Literal("flow_completed"),
  executionId: informing(Schema.String),
  runId: informing(Schema.String),
  result: Schema.optional(Schema.Unknown),
  summary: informing(Fields)
})

/** An event that this version does not know. */
export const UnknownEvent = Schema.Struct({
  type: Schema.Literal("unknown"),
  /** The name of the event on the wire. */
  name: Schema.String,
  data: Fields
})

/**
 * An event as the server sent it, under the names of this package: the elements of the streams of `NoukaiHttp`. Indices
 * are the server's, and there is no cursor.
 */
export const WireEvent = Schema.Union(
  RunStarted,
  StepStarted,
  StepInput,
  StepOutput,
  StepCompleted,
  StepError,
  StepPaused,
  ToolCallsRequired,
  FlowCompleted,
  UnknownEvent
)

/** */
export type WireEvent = Schema.Schema.Type<typeof WireEvent>

/** An event of a stream as Noukai sends it, of one type. */
export type WireEventOf<T extends WireEvent["type"]> = Extract<WireEvent, { readonly type: T }>

/** Whether an event ends its response: the run waits for its caller, or is over. */
export const endsResponse = ({ type }: WireEvent): boolean =>
  type === "flow_completed" || type === "step_paused" || type === "step_error" || type === "tool_calls_required"

/**
 * A wire event is the JSON itself under this package's name of its type, so that the original is kept only for the few
 * that had to be changed, as a property that is not listed.
 */
const original: unique symbol = Symbol("@effect-noukai/sdk/original")

/** Keeps the original of an event that reading changes; `undefined` for an event that no server sent. */
export const keepOriginal = (event: object, value: unknown): void => {
  if (!(original in event)) Object.defineProperty(event, original, { value })
}

/** The JSON of an event as it was received; `undefined` for one that no server sent. */
export const rawOf = (event: WireEvent): unknown => {
  if (Predicate.hasProperty(event, original)) return event[original]
  if (event.type === "unknown") return event.data
  const { type: _, ...received } = event
  return withDigits(received, digitsOf(event))
}
