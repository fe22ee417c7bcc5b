/**
 * The places of runs as values that survive `JSON.stringify` and another process: of a streamed run, and of a paused one.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { absentable, KeptObject } from "./internal/core/json.js"
import { forNames, plainRepeated } from "./internal/kit/runOptions.js"

const ToolCalls = Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, arguments: Schema.String }))

/**
 * A tool pause whose step has not completed, or may have to run again; the next request echoes it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PendingTools = Schema.Struct({
  stepId: absentable(Schema.String),
  /** The server's round counter, echoed unchanged. */
  iterationsUsed: Schema.Number,
  /** The conversation inside the paused step; opaque, echoed verbatim. */
  toolCallMessages: Schema.Array(Schema.Unknown),
  /** The calls that wait for a result; absent once `toolCallMessages` has the results. */
  toolCalls: absentable(ToolCalls),
  /** The text of numbers in `toolCallMessages` that a JavaScript number cannot hold. Opaque. */
  digits: absentable(Schema.Unknown)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface PendingTools extends Schema.Schema.Type<typeof PendingTools> {}

/**
 * The input of the first request of a run, kept while step 0 may have to run again.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FirstCall = Schema.Struct({
  message: absentable(Schema.String),
  parameters: absentable(KeptObject),
  attachments: absentable(Schema.Array(Schema.Unknown)),
  /** The text of numbers in `parameters` that a JavaScript number cannot hold. Opaque. */
  digits: absentable(Schema.Unknown)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface FirstCall extends Schema.Schema.Type<typeof FirstCall> {}

const flowCursorSchema = Schema.Struct({
  version: Schema.Literal(1),
  /** `org/project/slug` */
  flow: Schema.String,
  flowVersion: Schema.Union(Schema.Literal("production"), Schema.Number),
  executionId: absentable(Schema.String),
  /** The step that the next request runs, 0-based. */
  stepIndex: Schema.NonNegativeInt,
  /** The number of steps of the flow, where the server said so. */
  stepCount: absentable(Schema.Number),
  outputs: KeptObject,
  /** The text of numbers in `outputs` that a JavaScript number cannot hold. Opaque. */
  digits: absentable(Schema.Unknown),
  /** The step that completed last: its output is the result of the run where the server sends none. */
  lastStepId: absentable(Schema.String),
  sessionId: absentable(Schema.String),
  pending: absentable(PendingTools),
  /** The number of calls of the tool handler so far. */
  rounds: Schema.Number,
  first: absentable(FirstCall)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface FlowCursor extends Schema.Schema.Type<typeof flowCursorSchema> {}

/**
 * The place of a streamed run. Indices are those of the whole flow. `outputs` has the output of every completed step,
 * as far as it is known; change one and go on from the cursor to run the rest of the flow with it.
 *
 * @example
 * ```ts
 * import { FlowCursor, FlowService } from "@effect-noukai/sdk"
 * import { Effect, Schema } from "effect"
 *
 * const stored = Schema.parseJson(FlowCursor)
 *
 * const goOn = (text: string) =>
 *   Effect.gen(function*() {
 *     const flows = yield* FlowService
 *     const cursor = yield* Schema.decode(stored)(text)
 *     return flows.events(cursor.flow, { from: cursor })
 *   })
 * ```
 *
 * @since 0.1.0
 * @category schemas
 */
export const FlowCursor: Schema.Schema<FlowCursor, Schema.Schema.Encoded<typeof flowCursorSchema>> = flowCursorSchema

const plainFields = forNames(plainRepeated, () => absentable(Schema.Unknown))

const pausedStateSchema = Schema.Struct({
  version: Schema.Literal(1),
  /** `org/project/slug` */
  flow: Schema.String,
  flowVersion: Schema.Union(Schema.Literal("production", "draft"), Schema.NonNegativeInt),
  executionId: Schema.NonEmptyString,
  pausedAtStep: Schema.String,
  /** The server's round counter, echoed unchanged. */
  iterationsUsed: Schema.Number,
  /** The conversation inside the paused step, echoed verbatim. */
  toolCallMessages: Schema.Array(Schema.Unknown),
  toolCalls: ToolCalls,
  accumulatedOutputs: KeptObject,
  /** The text of numbers in `toolCallMessages`, `accumulatedOutputs` and `parameters` that a JavaScript number cannot hold. Opaque. */
  digits: absentable(Schema.Unknown),
  sessionId: absentable(Schema.String),
  /** The number of calls of the tool handler before this pause. */
  rounds: Schema.NonNegativeInt,
  ...plainFields,
  parameters: absentable(Schema.Unknown),
  blockOverrides: absentable(KeptObject),
  attachments: absentable(Schema.Array(Schema.Unknown)),
  tools: absentable(Schema.Array(Schema.Unknown)),
  trace: Schema.Boolean,
  /** The place of a run that is walked step by step. */
  steps: absentable(Schema.Struct({
    stepIndex: Schema.NonNegativeInt,
    stepCount: absentable(Schema.Number),
    lastStepId: absentable(Schema.String)
  }))
})

/**
 * @since 0.1.0
 * @category models
 */
export interface PausedState extends Schema.Schema.Type<typeof pausedStateSchema> {}

/**
 * The state that resumes a paused run, in another process if need be: it survives `JSON.stringify`. Opaque but for
 * `executionId` and `toolCalls`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PausedState: Schema.Schema<PausedState, Schema.Schema.Encoded<typeof pausedStateSchema>> =
  pausedStateSchema
