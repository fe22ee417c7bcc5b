/** How a replay departs from its recording, as data: what `ReplayMissError` and `ReplayLeftoverError` carry and print. */
import * as Schema from "effect/Schema"

/**
 * How the recording of a call is found.
 *
 * - `position`: the n-th call of a flow takes its n-th recording; inputs are not compared.
 * - `input`: the n-th call with an equal input takes the n-th recording with that input.
 * - `strict`: as `input`, and all calls in the recorded order.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Match = Schema.Literal("position", "input", "strict")

/**
 * @since 0.1.0
 * @category models
 */
export type Match = Schema.Schema.Type<typeof Match>

/**
 * A call that the program made.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReplayedCall = Schema.Struct({
  /** Its place among the calls of the replay, from 1. */
  number: Schema.Number,
  /** What the program called: `FlowService.execute`. */
  operation: Schema.String,
  /** What that asks of Noukai: `execute`, `step`, `submitJob`, … */
  endpoint: Schema.String,
  /** `org/project/slug` */
  flow: Schema.optional(Schema.String),
  version: Schema.optional(Schema.String),
  /** The run that it goes on with. */
  executionId: Schema.optional(Schema.String),
  /** Another session than the replayed one, which the call named. */
  sessionId: Schema.optional(Schema.String),
  /** Its place among the calls that recordings are counted for together, from 1. */
  nth: Schema.Number
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ReplayedCall extends Schema.Schema.Type<typeof ReplayedCall> {}

/**
 * A recorded call.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RecordedCall = Schema.Struct({
  /** Its place in the recording, from 1. */
  number: Schema.Number,
  endpoint: Schema.String,
  /** `org/project/slug`; of a session, where no more is known, the slug. */
  flow: Schema.optional(Schema.String),
  version: Schema.optional(Schema.String),
  executionId: Schema.optional(Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface RecordedCall extends Schema.Schema.Type<typeof RecordedCall> {}

/**
 * One place in which a call differs from a recording. A value that is not there is absent; what looks like a credential
 * is masked.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Change = Schema.Struct({
  /** Where: `$.parameters.difficulty`. */
  path: Schema.String,
  /** What was recorded. */
  expected: Schema.optional(Schema.Unknown),
  /** What the program said. */
  actual: Schema.optional(Schema.Unknown)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Change extends Schema.Schema.Type<typeof Change> {}

/**
 * One way in which the calls depart from the recording.
 *
 * - `missing`: recorded, and never asked for.
 * - `extra`: asked for, and nothing like it was recorded.
 * - `changed`: asked for, and what was recorded is a little different.
 * - `moved`: asked for, and recorded at another place.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Difference = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("missing"), recording: RecordedCall }),
  Schema.Struct({ kind: Schema.Literal("extra"), call: ReplayedCall }),
  Schema.Struct({
    kind: Schema.Literal("changed"),
    call: ReplayedCall,
    recording: RecordedCall,
    changes: Schema.Array(Change)
  }),
  Schema.Struct({ kind: Schema.Literal("moved"), call: ReplayedCall, recording: RecordedCall })
)

/**
 * @since 0.1.0
 * @category models
 */
export type Difference = Schema.Schema.Type<typeof Difference>

/**
 * Why a replay went wrong, as data: what was asked, what was recorded, and what differs.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReplayReport = Schema.Struct({
  match: Match,
  /** What was replayed: `session 5d1c…`, `cassette grade.json`. */
  source: Schema.String,
  /** In a few words. */
  reason: Schema.String,
  recordings: Schema.Struct({
    /** Those that would have fitted the call but for their number. */
    matching: Schema.Number,
    total: Schema.Number,
    /** Those that no call can ever have: jobs of a session, and runs of flows that were deleted. */
    unmatchable: Schema.Number
  }),
  /** Of a miss: the one that concerns the call. */
  differences: Schema.Array(Difference)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ReplayReport extends Schema.Schema.Type<typeof ReplayReport> {}

const maxDifferences = 10

const maxValue = 120

const valueText = (holder: Change, key: "expected" | "actual"): string => {
  if (!(key in holder) || holder[key] === undefined) return "nothing"
  const json = JSON.stringify(holder[key]) ?? "nothing"
  return json.length > maxValue ? `${json.slice(0, maxValue)}…` : json
}

const callText = (call: ReplayedCall): string =>
  [
    `call ${call.number}, ${call.operation}`,
    call.flow,
    call.version === undefined || call.version === "production" ? undefined : `version ${call.version}`,
    call.executionId === undefined ? undefined : `execution ${call.executionId}`
  ].filter((part) => part !== undefined).join(" ")

const recordingText = (recording: RecordedCall): string =>
  [
    `recording ${recording.number}, ${recording.endpoint}`,
    recording.flow,
    recording.version === undefined || recording.version === "production" ? undefined : `version ${recording.version}`,
    recording.executionId === undefined ? undefined : `execution ${recording.executionId}`
  ].filter((part) => part !== undefined).join(" ")

const lines = (difference: Difference): ReadonlyArray<string> => {
  switch (difference.kind) {
    case "missing":
      return [`missing: ${recordingText(difference.recording)}`]
    case "extra":
      return [`extra: ${callText(difference.call)}`]
    case "moved":
      return [`moved: ${callText(difference.call)} is ${recordingText(difference.recording)}`]
    case "changed":
      return [
        `changed: ${callText(difference.call)} is nearest to ${recordingText(difference.recording)}`,
        ...difference.changes.map((change) =>
          `  ${change.path}: recorded ${valueText(change, "expected")}, called with ${valueText(change, "actual")}`
        )
      ]
  }
}

/**
 * A report as the lines that follow the first line of an error.
 *
 * @internal
 */
export const reportText = (report: ReplayReport | undefined): string => {
  if (report === undefined) return ""
  const { differences, recordings, source } = report
  const more = differences.length - maxDifferences
  const unmatchable = recordings.unmatchable === 0
    ? ""
    : `, ${recordings.unmatchable} of them such that no call can have them`
  return [
    ...differences.slice(0, maxDifferences).flatMap(lines),
    ...(more > 0 ? [`and ${more} more`] : []),
    `${source} holds ${recordings.total} recordings${unmatchable}`
  ].map((line) => `\n  ${line}`).join("")
}
