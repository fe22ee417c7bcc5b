import { digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { BatchReportError } from "../../BatchError.js"
import { type RefusedRow, type RowError, type RowResult, RowState } from "../../BatchRow.js"

/** The fields of an error in the order in which they are written. */
const errorFields = (error: RowError) => ({
  kind: error.kind,
  message: error.message,
  code: error.code,
  statusCode: error.statusCode,
  executionIds: error.executionIds
})

/** Whether a row has a result. One whose result does not fit the schema of its flow is done, and has an error. */
export const hasResult = (row: RowResult): boolean => row.state === "done" && row.error === undefined

export const encodeRow = (row: RowResult): string =>
  stringifyJson({
    no: row.no,
    key: row.key,
    at: row.at === "" ? undefined : row.at,
    state: row.state,
    attempt: row.attempt,
    flow: row.flow,
    version: row.version,
    input: row.input,
    // a run may have no output, and its row still has a result
    result: hasResult(row) ? row.result ?? null : undefined,
    error: row.error === undefined ? undefined : errorFields(row.error),
    executionId: row.executionId,
    adopted: row.adopted ? true : undefined,
    costUsd: row.costUsd,
    isCostUnknown: row.isCostUnknown,
    attemptsCostUsd: row.attemptsCostUsd,
    isAttemptsCostUnknown: row.isAttemptsCostUnknown,
    durationMs: row.durationMs,
    tokens: row.tokens,
    calls: row.calls,
    steps: row.steps,
    evidence: row.evidence,
    settledNo: row.settledNo
  }, digitsWithin(row))

export const encodeRefused = (row: RefusedRow): string =>
  JSON.stringify({ key: row.key, at: row.at, state: "refused", error: errorFields(row.error) })

/** The line of a row of a user's values, which may be no JSON: a bigint, or a circle. */
export const rowLine = (path: string, row: RowResult): Either.Either<string, BatchReportError> =>
  Either.try({
    try: () => `${encodeRow(row)}\n`,
    catch: (cause) =>
      new BatchReportError({ path, reason: `the result of row ${row.no} cannot be written as JSON`, cause })
  })

export interface WrittenRow {
  readonly no: number
  readonly key: string
  readonly attempt: number
  readonly settledNo: number
  readonly executionId: string | undefined
}

const isState = Schema.is(RowState)

const isPlace = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0

/** Reads a line back, if `encodeRow` may have written it for a settled row. */
export const parseRowLine = (text: string): WrittenRow | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Predicate.isRecord(value)) return undefined
  const { attempt, executionId, key, no, settledNo, state } = value
  if (!isPlace(no) || !isPlace(attempt) || !isPlace(settledNo) || !isState(state) || typeof key !== "string") {
    return undefined
  }
  return { no, key, attempt, settledNo, executionId: typeof executionId === "string" ? executionId : undefined }
}

const first = "{\"no\":"
const second = ",\"key\":\""

/** Whether a line of `encodeRow` may begin so. */
export const beginsRowLine = (text: string): boolean => {
  if (text.length <= first.length) return first.startsWith(text)
  if (!text.startsWith(first)) return false
  const rest = text.slice(first.length).replace(/^\d+/, "")
  return rest.length <= second.length ? second.startsWith(rest) : rest.startsWith(second)
}
