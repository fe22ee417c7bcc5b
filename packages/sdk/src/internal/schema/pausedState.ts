/** The state of a paused run, which its result and the errors that stop it carry. */
import * as Schema from "effect/Schema"
import { absentable } from "./nullable.js"
import { KeptObject } from "./schemaReader.js"

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
  toolCalls: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, arguments: Schema.String })),
  accumulatedOutputs: KeptObject,
  sessionId: absentable(Schema.String),
  /** The number of calls of the tool handler before this pause. */
  rounds: Schema.NonNegativeInt,
  parameters: absentable(Schema.Unknown),
  blockOverrides: absentable(KeptObject),
  attachments: absentable(Schema.Array(Schema.Unknown)),
  tools: absentable(Schema.Array(Schema.Unknown)),
  toolChoice: absentable(Schema.Unknown),
  trace: Schema.Boolean,
  /** The place of a run that is walked step by step. */
  steps: absentable(Schema.Struct({
    stepIndex: Schema.NonNegativeInt,
    stepCount: absentable(Schema.Number),
    lastStepId: absentable(Schema.String)
  }))
})

/** */
export interface PausedState extends Schema.Schema.Type<typeof pausedStateSchema> {}

/**
 * The state that resumes a paused run, in another process if need be: it survives `JSON.stringify`. Opaque but for
 * `executionId` and `toolCalls`.
 */
export const PausedState: Schema.Schema<PausedState, Schema.Schema.Encoded<typeof pausedStateSchema>> =
  pausedStateSchema
