import type { Change, Difference, RecordedCall, ReplayedCall, ReplayReport } from "./replayReport.js"

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
