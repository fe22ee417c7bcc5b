/** Rows in doubt: their runs may have begun, and may be billed. */
import type { RowAttempt, RowResult } from "@effect-noukai/batch/BatchRow"
import type { BatchStatus } from "@effect-noukai/batch/BatchStatus"

const isTimedOut = ({ error, state }: RowResult): boolean => state === "submitted" && error?.kind === "TimedOut"

const retries =
  "Retrying a reported row may run and bill it twice: `noukai batch retry … --only reported --accept-double-runs`."

const ofReported = ({ error, executionId }: RowResult): ReadonlyArray<string> => {
  const run = executionId === undefined ? "" : ` Its run is ${executionId}.`
  switch (error?.kind) {
    case "RunNotFound":
      return [
        `It may have been sent, and the server lists no run of it.${run} Nothing sends it again by itself.`,
        `If its effect is nowhere to be seen, retry it. ${retries}`
      ]
    case "ResultNotStored":
      return [
        `It ran, and the server did not keep its result.${run} It may be billed.`,
        `Retry it if you need the result: that is a second run, and a second bill. ${retries}`
      ]
    case "AmbiguousRun":
      return [
        `The server lists several runs of it: ${
          error.executionIds?.join(", ") ?? executionId ?? "their ids are not known"
        }.`,
        `Read each of them. Retry the row only if none of them serves. ${retries}`
      ]
    default:
      return [
        `Its run began, and its outcome could not be read.${run} It may be billed.`,
        `Read the run first. ${retries}`
      ]
  }
}

/** Returns in sentences what is known of a row in doubt and what to do. Empty for other rows. */
export const doubtOf = (
  row: RowResult,
  attempts: ReadonlyArray<RowAttempt>,
  { status }: Pick<BatchStatus, "status">
): ReadonlyArray<string> => {
  const sentAt = attempts.find(({ attempt }) => attempt === row.attempt)?.startedAt
  const sent = sentAt === undefined ? "" : ` Its request left at ${new Date(sentAt).toISOString()} at the latest.`
  const isRunning = status === "running"
  if (row.state === "reported") return ofReported(row)
  if (row.state === "uncertain") {
    return [
      `It may have been sent, and no run of it is known yet.${sent}`,
      isRunning
        ? "The batch looks for its run at the server, and follows it if there is one. There is nothing to do."
        : "Run the batch again: it looks for the run at the server before it sends anything."
    ]
  }
  if (row.state === "intent" && !isRunning) {
    return [
      `Its process ended while it was being sent.${sent} Its run may have begun.`,
      "Run the batch again: it looks for the run at the server before it sends anything."
    ]
  }
  if (isTimedOut(row)) {
    return [
      `Its run ${row.executionId ?? ""} goes on at the server and may be billed; the batch waited for it too long.`,
      "Run the batch again: it asks for that run, and never sends the row again. A larger row timeout makes it wait longer."
    ]
  }
  return []
}
