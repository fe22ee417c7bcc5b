/** Reads the batches of ledgers. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { LedgerError } from "@effect-noukai/batch/BatchError"
import { type RowResult, RowState } from "@effect-noukai/batch/BatchRow"
import type { BatchInfo, BatchStatus, PageOptions } from "@effect-noukai/batch/BatchStatus"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type {
  BatchDetail,
  BatchRow,
  BatchRowDetail,
  BatchRowFilter,
  BatchRowPage,
  BatchSummary,
  ErrorGroup
} from "../BatchesApi.js"
import { NotFound, type Payload, Unavailable } from "../RunsApi.js"
import type { BatchAddress, StudioLedgers } from "../StudioLedgers.js"
import { doubtOf } from "./batchDoubt.js"
import { BatchTotals, errorGroup, errorName } from "./batchTotals.js"
import { fromHere, type Ledger, reasonOf, type Stores, unavailable } from "./ledgerStores.js"
import { flag, shellWord } from "./text.js"

/** The number of batches whose totals are kept, and of lists of rows. */
const [keptBatches, keptLists] = [16, 8]

/** How long one answer counts settled rows, in milliseconds. The next one goes on. */
const counting = 250

const [standardRows, mostRows] = [50, 500]

/** The least time between two looks at a batch that runs, and how many times longer than a look it is at least. */
const [interval, share] = [1_000, 10]

const settledStates = ["done", "failed", "cancelled", "reported", "invalid"] as const

const summaryOf = (ledger: string, { createdAt }: BatchInfo, status: BatchStatus): BatchSummary => {
  const { batch, costUsd, flow, isClean, rows, states, timedOut, version } = status
  return {
    ledger,
    batch,
    flow,
    version,
    createdAt,
    status: status.status,
    isClean,
    rows,
    settled: settledStates.reduce((sum, state) => sum + states[state], 0),
    failed: states.failed,
    doubtful: states.uncertain + states.reported + timedOut + (status.status === "running" ? 0 : states.intent),
    ...costUsd !== undefined && { costUsd }
  }
}

const doubtful = ({ status }: BatchStatus): ReadonlyArray<RowState | "timedOut"> =>
  status === "running" ? ["uncertain", "reported", "timedOut"] : ["intent", "uncertain", "reported", "timedOut"]

const rowOf = (
  { at, attempt, durationMs, error, executionId, flow, key, no, settledAt, state, version, ...cost }: RowResult
): BatchRow => ({
  no,
  key,
  at,
  state,
  // the next attempt was not sent
  attempt: state === "pending" || state === "invalid" ? attempt - 1 : attempt,
  flow,
  version,
  ...error !== undefined && {
    error: { kind: error.kind, message: error.message, ...error.code !== undefined && { code: error.code } }
  },
  ...executionId !== undefined && { executionId },
  ...cost.attemptsCostUsd !== undefined && !cost.isAttemptsCostUnknown && { costUsd: cost.attemptsCostUsd },
  ...durationMs !== undefined && { durationMs },
  ...settledAt !== undefined && { settledAt }
})

const payloadOf = (value: unknown): Payload => {
  const json = value === undefined ? undefined : JSON.stringify(value)
  return json === undefined ? { isCaptured: false } : { isCaptured: true, json, sizeBytes: Buffer.byteLength(json) }
}

const commandsOf = ({ path }: Ledger, { batch, states }: BatchStatus): BatchDetail["commands"] => {
  if (path === undefined) return []
  const command = (name: string, ...given: ReadonlyArray<string>) => {
    const flags = [...given, ...flag("--ledger")(fromHere(path))]
    const words = batch.startsWith("-") ? [...flags, "--", batch] : [batch, ...flags]
    return ["noukai", "batch", name, ...words].map(shellWord).join(" ")
  }
  return [
    { does: "Show its progress", command: command("status") },
    { does: "Write its results as JSON lines", command: command("results") },
    ...states.failed === 0
      ? []
      : [{ does: "Make its failed rows pending, for the next run", command: command("retry", "--only", "failed") }]
  ]
}

const notesOf = ({ absent, costUsd, refused }: BatchStatus): ReadonlyArray<string> => [
  ...costUsd === undefined ? ["Costs are not known. Run the batch with `cost: true` (`--cost`) to read them."] : [],
  ...refused === 0 ? [] : [`${refused} rows of its source were refused: they are not rows of the batch.`],
  ...absent === 0 ? [] : [`${absent} pending rows are not run, since the last source does not have them.`]
]

const isState = Schema.is(RowState)

/** The states of rows that may be in doubt. */
const maybeDoubtful: ReadonlyArray<RowState> = ["intent", "uncertain", "reported", "submitted"]

/** Puts an entry last, and removes the first ones of a map that is too large. */
const keep = <A>(map: Map<string, A>, key: string, value: A): void => {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) if (map.size > keptBatches) map.delete(oldest)
}

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

type Failure = NotFound | Unavailable

export const failure = (error: LedgerError | Failure | { readonly _tag: string; readonly message: string }): Failure =>
  Schema.is(NotFound)(error) || Schema.is(Unavailable)(error)
    ? error
    : error._tag === "BatchNotFoundError" || error._tag === "InvalidBatchError"
    ? new NotFound({ message: error.message })
    : unavailable(error)

/** Earlier reads of a batch. */
interface Known {
  readonly createdAt: number
  totals: BatchTotals
  /** When rows were counted last. */
  countedAt: number
  readonly mutex: Effect.Semaphore
}

/** A status, and when it was read. To count a million rows takes a while. */
interface ReadStatus {
  readonly status: BatchStatus
  readonly signature: string | undefined
  readonly at: number
  readonly took: number
}

/** The batches of the ledgers. */
export const make = Effect.fnUntraced(function*(stores: Stores) {
  const known = new Map<string, Known>()
  const read = new Map<string, ReadStatus>()
  const summaries = new Map<string, { readonly signature: string; readonly batches: ReadonlyArray<BatchSummary> }>()

  /** Runs reads of a batch of a ledger. */
  const about = <A, E extends { readonly _tag: string; readonly message: string }>(
    { ledger }: Pick<BatchAddress, "ledger">,
    read: (ledger: Ledger) => Effect.Effect<A, E, BatchStore>
  ): Effect.Effect<A, Failure> =>
    Effect.mapError(
      Effect.flatMap(stores.named(ledger), (found) => stores.reading(found, read(found))),
      (error) => failure(error)
    )

  const infoOf = (batch: string) =>
    Effect.flatMap(Batch.list(batch), (all) => {
      const info = all.find((one) => one.batch === batch)
      return info === undefined
        ? new NotFound({ message: `The ledger has no batch ${JSON.stringify(batch)}.` })
        : Effect.succeed(info)
    })

  const knownOf = ({ batch, ledger }: BatchAddress, { createdAt }: BatchInfo): Known => {
    const key = JSON.stringify([ledger, batch])
    const before = known.get(key)
    const one = before?.createdAt === createdAt
      ? before
      : { createdAt, totals: new BatchTotals(), countedAt: 0, mutex: Effect.unsafeMakeSemaphore(1) }
    keep(known, key, one)
    return one
  }

  /** The status of a batch: as it was, if its file is, or if it runs and was read a moment ago. */
  const statusOf = Effect.fnUntraced(function*({ name, signature }: Ledger, batch: string) {
    const key = JSON.stringify([name, batch])
    const before = read.get(key)
    const at = yield* Clock.currentTimeMillis
    if (before !== undefined) {
      const mayChange = signature === undefined || before.status.status === "running"
      if (mayChange ? at - before.at < before.took * share : signature === before.signature) return before
    }
    const status = yield* Batch.status(batch)
    const now = { status, signature, at, took: (yield* Clock.currentTimeMillis) - at }
    keep(read, key, now)
    return now
  })

  /** Counts rows that have settled since, for a while: the next answer goes on. */
  const counted = Effect.fnUntraced(
    function*(address: BatchAddress, info: BatchInfo, { at, status }: ReadStatus) {
      const one = knownOf(address, info)
      const count = Effect.gen(function*() {
        if (at >= one.countedAt && one.totals.isOutdated(status.states)) one.totals = new BatchTotals()
        const end = (yield* Clock.currentTimeMillis) + counting
        for (;;) {
          const rows = yield* Batch.settled(address.batch, one.totals.settledNo)
          one.countedAt = yield* Clock.currentTimeMillis
          one.totals.add(rows, one.countedAt)
          if (one.totals.hasTwice) one.totals = new BatchTotals()
          else if (rows.length === 0 || one.countedAt >= end) return one.totals
          yield* Effect.yieldNow()
        }
      })
      return yield* one.mutex.withPermits(1)(count)
    }
  )

  /** The groups of errors, with the key of a row of each. */
  const errorsOf = Effect.fnUntraced(function*(batch: string, totals: BatchTotals) {
    const groups = totals.shown()
    const lacking = groups.filter(({ key }) => key === undefined)
    if (lacking.length > 0) {
      const rows = yield* Batch.page(batch, { numbers: lacking.map(({ numbers }) => numbers[0]!) })
      const keys = new Map(rows.map(({ key, no }) => [no, key]))
      for (const group of lacking) group.key = keys.get(group.numbers[0]!) ?? ""
    }
    return groups.map(errorGroup)
  })

  const detailOf = Effect.fnUntraced(function*(ledger: Ledger, address: BatchAddress) {
    const info = yield* infoOf(address.batch)
    const looked = yield* statusOf(ledger, address.batch)
    const { status } = looked
    const totals = yield* counted(address, info, looked)
    const errors: ReadonlyArray<ErrorGroup> = yield* errorsOf(address.batch, totals)
    const now = yield* Clock.currentTimeMillis
    const summary = summaryOf(address.ledger, info, status)
    const rate = status.status === "running" ? totals.rate(now) : undefined
    const left = status.rows - status.absent - status.unselected - summary.settled
    const detail: BatchDetail = {
      ...summary,
      ...status.stop !== undefined && { stop: { reason: status.stop.reason, message: status.stop.message } },
      states: status.states,
      absent: status.absent,
      unselected: status.unselected,
      waiting: status.waiting,
      retries: status.retries,
      timedOut: status.timedOut,
      refused: status.refused,
      adopted: status.adopted,
      ...status.unknownCosts !== undefined && { unknownCosts: status.unknownCosts },
      ...status.definition !== undefined && { definition: status.definition },
      // rows that are planned have no place among the settled ones yet, also if they are invalid
      counted: totals.isWhole ? Math.max(totals.counted, summary.settled) : totals.counted,
      ...rate !== undefined && { rowsPerSecond: rate, etaMs: Math.round(left / rate * 1_000) },
      ...totals.histograms(),
      errors,
      commands: commandsOf(ledger, status),
      notes: notesOf(status)
    }
    return detail
  })

  const batch: StudioLedgers.Service["batch"] = (address) => about(address, (ledger) => detailOf(ledger, address))

  const watch: StudioLedgers.Service["watch"] = (address) =>
    Stream.unfoldEffect(0, (wait) =>
      wait === -1 ? Effect.succeedNone : Effect.gen(function*() {
        yield* Effect.sleep(wait)
        const before = yield* Clock.currentTimeMillis
        const detail = yield* batch(address)
        const took = (yield* Clock.currentTimeMillis) - before
        const isCounting = detail.counted < detail.settled
        const next = isCounting ? 0 : detail.status === "running" ? Math.max(interval, took * share) : -1
        return Option.some([detail, next] as const)
      }))

  const summariesOf = Effect.fnUntraced(function*(ledger: Ledger) {
    const { name, signature } = ledger
    const before = summaries.get(name)
    if (before !== undefined && before.signature === signature) return before.batches
    const batches = yield* Effect.flatMap(
      Batch.list(),
      Effect.forEach((info) => Effect.map(statusOf(ledger, info.batch), ({ status }) => summaryOf(name, info, status)))
    )
    // whether a process is gone does not change a file
    if (signature === undefined || batches.some(({ status }) => status === "running")) summaries.delete(name)
    else summaries.set(name, { signature, batches })
    return batches
  })

  const batches: StudioLedgers.Service["batches"] = Effect.gen(function*() {
    const { problems } = yield* stores.found
    const all = yield* Effect.forEach(
      yield* stores.all,
      (ledger) =>
        Effect.either(Effect.mapError(stores.reading(ledger, summariesOf(ledger)), (error) => ({
          ledger: ledger.name,
          message: reasonOf(error)
        })))
    )
    return {
      searched: stores.searched,
      batches: all.flatMap((one) => one._tag === "Right" ? one.right : []).sort((one, other) =>
        other.createdAt - one.createdAt
      ),
      problems: [
        ...problems.map((message) => ({ ledger: "", message })),
        ...all.flatMap((one) => one._tag === "Left" ? [one.left] : [])
      ]
    }
  })

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

  /** The rows of a list on a page, and one more in its direction. */
  const listed = Effect.fnUntraced(function*(
    batch: string,
    numbers: Uint32Array,
    { after = 0, before }: Pick<BatchRowFilter, "after" | "before">,
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

  const rows: StudioLedgers.Service["rows"] = (address, filter) =>
    about(
      address,
      Effect.fnUntraced(function*(file) {
        const { error, key, state } = filter
        const { batch, ledger } = address
        const limit = Math.min(Math.max(1, filter.limit ?? standardRows), mostRows)
        const states = state === undefined
          ? undefined
          : state === "doubtful"
          ? doubtful((yield* statusOf(file, batch)).status)
          : isState(state)
          ? [state]
          : yield* new NotFound({ message: `There is no state ${JSON.stringify(state)} of rows.` })
        const isMeant = (row: RowResult): boolean =>
          (error === undefined || (row.error !== undefined && errorName(row.error) === error)) &&
          (states === undefined || states.includes(row.error?.kind === "TimedOut" ? "timedOut" : row.state) ||
            state === row.state)
        const readRows = Effect.fnUntraced(function*(place: Pick<PageOptions, "after" | "before">, limit: number) {
          if (key !== undefined && !/[*?\\]/.test(key)) {
            const row = (yield* Batch.resultsOf(batch, [key])).get(key)
            const { after = 0, before } = place
            return row !== undefined && isMeant(row) && (before === undefined ? row.no > after : row.no < before)
              ? [row]
              : []
          }
          if (error === undefined && key === undefined) {
            return yield* Batch.page(batch, { ...place, limit, state: states })
          }
          const ofKeys = key === undefined
            ? undefined
            : merged(
              yield* Effect.forEach(
                state === "doubtful" ? maybeDoubtful : [isState(state) ? state : undefined],
                (state) => lists.get(Data.tuple(ledger, batch, key, state))
              )
            )
          const ofError = error === undefined
            ? undefined
            : (yield* counted(address, yield* infoOf(batch), yield* statusOf(file, batch))).numbersOf(error)
          const numbers = ofKeys === undefined ? ofError! : ofError === undefined ? ofKeys : common(ofKeys, ofError)
          return yield* listed(batch, numbers, place, limit, isMeant)
        })
        const isBack = filter.before !== undefined
        const found = yield* readRows(isBack ? { before: filter.before } : { after: filter.after ?? 0 }, limit + 1)
        const hasMore = found.length > limit
        const shown = isBack ? found.slice(-limit) : found.slice(0, limit)
        const first = shown[0]?.no ?? (filter.after ?? 0) + 1
        const last = shown.at(-1)?.no ?? (filter.before ?? 1) - 1
        const page: BatchRowPage = {
          rows: shown.map(rowOf),
          hasBefore: isBack ? hasMore : (yield* readRows({ before: first }, 1)).length > 0,
          hasAfter: isBack ? (yield* readRows({ after: last }, 1)).length > 0 : hasMore
        }
        return page
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
        const sessionId = found.state === "pending" || found.state === "invalid"
          ? undefined
          : yield* Batch.session(batch, found)
        const detail: BatchRowDetail = {
          row: rowOf(found),
          ...sessionId !== undefined && { sessionId },
          input: payloadOf(found.input),
          result: payloadOf(found.result),
          attempts: attempts.map(({ attempt, costUsd, error, executionId, settledAt, startedAt, state }) => ({
            attempt,
            state,
            ...executionId !== undefined && { executionId },
            ...error !== undefined && { error: `${errorName(error)}: ${error.message}` },
            ...costUsd !== undefined && { costUsd },
            ...startedAt !== undefined && { startedAt },
            ...settledAt !== undefined && { settledAt }
          })),
          doubt: doubtOf(found, attempts, status)
        }
        return detail
      })
    )

  return { batches, batch, watch, rows, row }
})
