/** Reads the rows of batches: pages of them by state, error and key, and one of them. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { LedgerError } from "@effect-noukai/batch/BatchError"
import { type RowAttempt, type RowResult, RowState } from "@effect-noukai/batch/BatchRow"
import type { BatchStatus, PageOptions } from "@effect-noukai/batch/BatchStatus"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import { digitsAt, digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import * as Cache from "effect/Cache"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { BatchRow, BatchRowDetail, BatchRowFilter, BatchRowPage } from "../BatchesApi.js"
import { NotFound, type Payload } from "../RunsApi.js"
import type { BatchAddress, StudioLedgers } from "../StudioLedgers.js"
import { doubtOf } from "./batchDoubt.js"
import type { BatchStatuses } from "./batchStatuses.js"
import { errorName } from "./batchTotals.js"
import type { Ledger } from "./ledgerStores.js"
import { sharedSuccess } from "./shared.js"
import { exactJson } from "./text.js"

/** The number of lists of rows that are kept. */
const keptLists = 8

const [standardRows, mostRows] = [50, 500]

const doubtful = ({ status }: BatchStatus): ReadonlyArray<RowState | "timedOut"> =>
  status === "running" ? ["uncertain", "reported", "timedOut"] : ["intent", "uncertain", "reported", "timedOut"]

/** Whether the newest attempt at a row was not sent: a row that is cancelled after it was sent has a run. */
const isUnsent = (
  { executionId, state }: { readonly executionId?: string | undefined; readonly state: RowState }
): boolean => state === "pending" || state === "invalid" || (state === "cancelled" && executionId === undefined)

const rowOf = (
  { at, attempt, durationMs, error, executionId, flow, key, no, settledAt, state, version, ...cost }: RowResult
): BatchRow => ({
  no,
  key,
  at,
  state,
  attempt: isUnsent({ executionId, state }) ? attempt - 1 : attempt,
  flow,
  version,
  ...error !== undefined && {
    error: { kind: error.kind, message: error.message, ...error.code !== undefined && { code: error.code } }
  },
  ...executionId !== undefined && { executionId },
  ...cost.attemptsCostUsd !== undefined && { costUsd: cost.attemptsCostUsd },
  ...cost.isAttemptsCostUnknown && { unknownCosts: 1 },
  ...durationMs !== undefined && { durationMs },
  ...settledAt !== undefined && { settledAt }
})

const payloadOf = (row: RowResult, of: "input" | "result"): Payload => {
  const json = exactJson(row[of], digitsAt(digitsWithin(row), of))
  return json === undefined ? { isCaptured: false } : { isCaptured: true, json, sizeBytes: Buffer.byteLength(json) }
}

const isState = Schema.is(RowState)

/** The states of rows that may be in doubt. */
const maybeDoubtful: ReadonlyArray<RowState> = ["intent", "uncertain", "reported", "submitted"]

/** The numbers of the rows that both lists have. Both are sorted. */
const common = (one: Uint32Array, other: Uint32Array): Uint32Array => {
  const all = new Set(other)
  return one.filter((no) => all.has(no))
}

/** The numbers of several sorted lists, sorted. */
const merged = (lists: ReadonlyArray<Uint32Array>): Uint32Array => {
  if (lists.length === 1) return lists[0]!
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    all.set(list, at)
    at += list.length
  }
  return all.sort()
}

/** The place of the first number of a sorted list that is greater than a number. */
const placeAfter = (numbers: Uint32Array, number: number): number => {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = low + high >> 1
    if (numbers[middle]! > number) high = middle
    else low = middle + 1
  }
  return low
}

/** Whether a page goes back from the row `before`, and otherwise on from the row `after`. */
type Place = Pick<PageOptions, "after" | "before">

/** The rows of a list of numbers on a page, in its direction. */
const listed = Effect.fnUntraced(function*(
  batch: string,
  numbers: Uint32Array,
  { after = 0, before }: Place,
  limit: number,
  isMeant: (row: RowResult) => boolean
) {
  const rows: Array<RowResult> = []
  let [low, high] = before === undefined
    ? [placeAfter(numbers, after), numbers.length]
    : [0, placeAfter(numbers, before - 1)]
  while (low < high && rows.length < limit) {
    // as many as are missing: only rows that have left a state are left out
    const missing = limit - rows.length
    const part = before === undefined
      ? numbers.subarray(low, low + missing)
      : numbers.subarray(Math.max(low, high - missing), high)
    if (before === undefined) low += part.length
    else high -= part.length
    const found = (yield* Batch.page(batch, { numbers: [...part] })).filter(isMeant)
    if (before === undefined) rows.push(...found)
    else rows.unshift(...found)
  }
  return before === undefined ? rows.slice(0, limit) : rows.slice(-limit)
})

/** The row with a key, if it is in its direction. */
const keyed = Effect.fnUntraced(function*(
  batch: string,
  key: string,
  { after = 0, before }: Place,
  isMeant: (row: RowResult) => boolean
) {
  const row = (yield* Batch.resultsOf(batch, [key])).get(key)
  return row !== undefined && isMeant(row) && (before === undefined ? row.no > after : row.no < before) ? [row] : []
})

/** The states of rows that have a state of a filter. */
const statesOf = (state: string, status: Effect.Effect<BatchStatus, LedgerError, BatchStore>) =>
  state === "doubtful"
    ? Effect.map(status, doubtful)
    : isState(state)
    ? Effect.succeed([state])
    : new NotFound({ message: `There is no state ${JSON.stringify(state)} of rows.` })

type States = Effect.Effect.Success<ReturnType<typeof statesOf>>

/** Returns whether a row has the error and one of the states. A row that timed out is of two states. */
const matching = ({ error, state }: BatchRowFilter, states: States | undefined) => (row: RowResult): boolean =>
  (error === undefined || (row.error !== undefined && errorName(row.error) === error)) &&
  (states === undefined || states.includes(row.error?.kind === "TimedOut" ? "timedOut" : row.state) ||
    state === row.state)

/** A page of rows, and whether there are others on its sides, by a read of rows in one direction. */
const pageOf = <E, R>(
  { after = 0, before }: Place,
  limit: number,
  read: (place: Place, limit: number) => Effect.Effect<ReadonlyArray<RowResult>, E, R>
): Effect.Effect<BatchRowPage, E, R> =>
  Effect.gen(function*() {
    const isBack = before !== undefined
    const found = yield* read(isBack ? { before } : { after }, limit + 1)
    const hasMore = found.length > limit
    const shown = isBack ? found.slice(-limit) : found.slice(0, limit)
    const first = shown[0]?.no ?? after + 1
    const last = shown.at(-1)?.no ?? (before ?? 1) - 1
    return {
      rows: shown.map(rowOf),
      hasBefore: isBack ? hasMore : (yield* read({ before: first }, 1)).length > 0,
      hasAfter: isBack ? (yield* read({ after: last }, 1)).length > 0 : hasMore
    }
  })

const attemptOf = (
  { attempt, costUsd, error, executionId, settledAt, startedAt, state }: RowAttempt
): BatchRowDetail["attempts"][number] => ({
  attempt,
  state,
  ...executionId !== undefined && { executionId },
  ...error !== undefined && { error: `${errorName(error)}: ${error.message}` },
  ...costUsd !== undefined && { costUsd },
  ...startedAt !== undefined && { startedAt },
  ...settledAt !== undefined && { settledAt }
})

/** Makes the reads. */
export const make = Effect.fnUntraced(function*({ about, counted, infoOf, statusOf }: BatchStatuses) {
  /** Lists of numbers by a pattern of keys. A page that goes on reads the same list. */
  const lists = yield* Cache.make({
    capacity: keptLists,
    timeToLive: "10 seconds",
    lookup: ([ledger, batch, key, state]: readonly [string, string, string, RowState | undefined]) =>
      about({ ledger }, () =>
        Effect.suspend(() => {
          const numbers: Array<number> = []
          const found = Stream.runForEachChunk(Batch.numbers(batch, key, state), (part) =>
            Effect.sync(() => {
              for (const no of part) numbers.push(no)
            }))
          return Effect.map(found, () => Uint32Array.from(numbers))
        }))
  })
  const listOf = sharedSuccess(lists)

  /** The numbers of the rows with an error, or with keys of a pattern. */
  const numbersOf = Effect.fnUntraced(function*(file: Ledger, address: BatchAddress, filter: BatchRowFilter) {
    const { error, key, state } = filter
    const { batch, ledger } = address
    const states = state === "doubtful" ? maybeDoubtful : [isState(state) ? state : undefined]
    const ofKeys = key === undefined
      ? undefined
      : merged(yield* Effect.forEach(states, (state) => listOf(Data.tuple(ledger, batch, key, state))))
    const ofError = error === undefined
      ? undefined
      : (yield* counted(address, yield* infoOf(batch), yield* statusOf(file, batch))).numbersOf(error)
    return ofKeys === undefined ? ofError! : ofError === undefined ? ofKeys : common(ofKeys, ofError)
  })

  const rows: StudioLedgers.Service["rows"] = (address, filter) =>
    about(
      address,
      Effect.fnUntraced(function*(file) {
        const { error, key, state } = filter
        const { batch } = address
        const status = Effect.map(statusOf(file, batch), ({ status }) => status)
        const states = state === undefined ? undefined : yield* statesOf(state, status)
        const isMeant = matching(filter, states)
        return yield* pageOf(filter, Math.min(Math.max(1, filter.limit ?? standardRows), mostRows), (place, limit) =>
          key !== undefined && !/[*?\\]/.test(key)
            ? keyed(batch, key, place, isMeant)
            : error === undefined && key === undefined
            ? Batch.page(batch, { ...place, limit, state: states })
            : Effect.flatMap(numbersOf(file, address, filter), (numbers) =>
              listed(batch, numbers, place, limit, isMeant)))
      })
    )

  const row: StudioLedgers.Service["row"] = (address, key) =>
    about(
      address,
      Effect.fnUntraced(function*(file) {
        const { batch } = address
        const no = (yield* Batch.resultsOf(batch, [key])).get(key)?.no
        const [found] = no === undefined ? [] : yield* Batch.page(batch, { numbers: [no], withDocuments: true })
        if (found === undefined) {
          return yield* new NotFound({ message: `The batch has no row with the key ${JSON.stringify(key)}.` })
        }
        const attempts = yield* Batch.attempts(batch, key)
        const { status } = yield* statusOf(file, batch)
        // an attempt that was not sent has no run
        const sessionId = isUnsent(found) ? undefined : yield* Batch.session(batch, found)
        const detail: BatchRowDetail = {
          row: rowOf(found),
          ...sessionId !== undefined && { sessionId },
          input: payloadOf(found, "input"),
          result: payloadOf(found, "result"),
          attempts: attempts.filter((one) => !isUnsent(one)).map(attemptOf),
          doubt: doubtOf(found, attempts, status)
        }
        return detail
      })
    )

  return { rows, row }
})
