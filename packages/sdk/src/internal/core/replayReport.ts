/**
 * The differences of a replay from its recording, as data: the `report` of `ReplayMissError` and `ReplayLeftoverError`.
 */
import * as Schema from "effect/Schema"
import { digitsAt, digitsWithin, stringifyJson } from "../kit/plainJson.js"

/** A key that may be absent. Written here, since the longest chain of imports ends in this module. */
const absentable = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/**
 * The rule that finds the recording of a call.
 *
 * - `position`: the n-th call of a flow takes its n-th recording; inputs are not compared.
 * - `input`: the n-th call with an equal input takes the n-th recording with that input.
 * - `strict`: as `input`, and all calls in the recorded order.
 */
export const Match = Schema.Literal("position", "input", "strict")

/** */
export type Match = Schema.Schema.Type<typeof Match>

/** A call that the program made. */
export const ReplayedCall = Schema.Struct({
  /** Its place among the calls of the replay, from 1. */
  number: Schema.Number,
  /** The operation that the program called: `FlowService.execute`. */
  operation: Schema.String,
  /** The endpoint of the call: `execute`, `step`, `submitJob`, … */
  endpoint: Schema.String,
  /** `org/project/slug` */
  flow: absentable(Schema.String),
  version: absentable(Schema.String),
  /** The run that the call goes on with. */
  executionId: absentable(Schema.String),
  /** The session that the call named, if it is not the replayed one. */
  sessionId: absentable(Schema.String),
  /** Its place among the calls that are counted together, from 1. */
  nth: Schema.Number
})

/** */
export interface ReplayedCall extends Schema.Schema.Type<typeof ReplayedCall> {}

/** A recorded call. */
export const RecordedCall = Schema.Struct({
  /** Its place in the recording, from 1. */
  number: Schema.Number,
  endpoint: Schema.String,
  /** `org/project/slug`; for a session, which does not know more, the slug. */
  flow: absentable(Schema.String),
  version: absentable(Schema.String),
  executionId: absentable(Schema.String)
})

/** */
export interface RecordedCall extends Schema.Schema.Type<typeof RecordedCall> {}

/**
 * One place in which a call differs from a recording. An absent value is left out; a secret of a well-known form
 * is masked.
 */
export const Change = Schema.Struct({
  /** The place: `$.parameters.difficulty`. */
  path: Schema.String,
  /** The recorded value. */
  expected: absentable(Schema.Unknown),
  /** The value of the call. */
  actual: absentable(Schema.Unknown),
  /** Two long texts in one, with their different words marked: `the [-quick-]{+slow+} fox`. */
  words: absentable(Schema.String)
})

/** */
export interface Change extends Schema.Schema.Type<typeof Change> {}

/**
 * One way in which the calls depart from the recording.
 *
 * - `missing`: a recording that no call took.
 * - `extra`: a call that nothing recorded is like.
 * - `changed`: a call that differs a little from a recording.
 * - `moved`: a call that was recorded at another place.
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

/** */
export type Difference = Schema.Schema.Type<typeof Difference>

/** The reason why a replay failed, as data: the calls, the recordings, and the differences. */
export const ReplayReport = Schema.Struct({
  match: Match,
  /** The replayed source: `session 5d1c…`, `cassette grade.json`. */
  source: Schema.String,
  /** The reason in a few words. */
  reason: Schema.String,
  recordings: Schema.Struct({
    /** The number of recordings that would have fitted the call but for their place. */
    matching: Schema.Number,
    total: Schema.Number,
    /** The number of recordings that no call can take: jobs of a session, and runs of flows that were deleted. */
    unmatchable: Schema.Number
  }),
  /** The differences; of a miss, the one that concerns the call. */
  differences: Schema.Array(Difference)
})

/** */
export interface ReplayReport extends Schema.Schema.Type<typeof ReplayReport> {}

/** The code of a miss whose recording ends before its run does. */
export const unfinishedRun = "REPLAY_UNFINISHED_CLIENT"

/** The code of the miss of a walked run that was recorded as a run of `/execute`. */
export const recordedAsExecute = "RECORDED_AS_EXECUTE_CLIENT"

/** The reason of a miss whose recording ends before its run does. */
export const notEnded = (step: string): string => `the recorded run did not end, at step ${step}`

const maxDifferences = 10

/** The length of a value that a line can show, as JSON. */
export const maxValue = 120

const valueText = (value: unknown, digits: unknown): string => {
  const json = stringifyJson(value, digits) ?? "nothing"
  return json.length > maxValue ? `${json.slice(0, maxValue)}…` : json
}

/** A change in a line: `$.score: was 7, is 8`. Values are cut. */
export const changeText = (change: Change, was: string, is: string): string => {
  const { actual, expected, path, words } = change
  const digits = digitsWithin(change)
  const text = (value: unknown, name: string) => valueText(value, digitsAt(digits, name))
  return `${path}: ${words ?? `${was} ${text(expected, "expected")}, ${is} ${text(actual, "actual")}`}`
}

const runText = (
  what: string,
  { executionId, flow, version }: Pick<RecordedCall, "executionId" | "flow" | "version">
): string =>
  [
    what,
    flow,
    version === undefined || version === "production" ? undefined : `version ${version}`,
    executionId === undefined ? undefined : `execution ${executionId}`
  ].filter((part) => part !== undefined).join(" ")

const callText = (call: ReplayedCall): string => runText(`call ${call.number}, ${call.operation}`, call)

export const recordingText = (recording: RecordedCall): string =>
  runText(`recording ${recording.number}, ${recording.endpoint}`, recording)

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
        ...difference.changes.map((change) => `  ${changeText(change, "recorded", "called with")}`)
      ]
  }
}

/** The report as the lines that follow the first line of an error. */
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
