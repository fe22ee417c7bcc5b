/** Reads the batches of ledgers. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { LedgerError } from "@effect-noukai/batch/BatchError"
import { type RowResult, RowState } from "@effect-noukai/batch/BatchRow"
import type { BatchInfo, BatchStatus, PageOptions } from "@effect-noukai/batch/BatchStatus"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Cache from "effect/Cache"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { relative } from "node:path"
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
import { type Ledger, reasonOf, type Stores, unavailable } from "./ledgerStores.js"
import { shellWord } from "./text.js"

/** The batches whose totals are kept, and the lists of numbers of rows that are. */
const [keptTotals, keptLists] = [16, 8]

/** How long one answer counts settled rows. The next one goes on. */
const counting = Duration.millis(250)

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
  { at, attempt, attemptsCostUsd, durationMs, error, executionId, flow, key, no, settledAt, state, version }: RowResult
): BatchRow => ({
  no,
  key,
  at,
  state,
  attempt,
  flow,
  version,
  ...error !== undefined && {
    error: { kind: error.kind, message: error.message, ...error.code !== undefined && { code: error.code } }
  },
  ...executionId !== undefined && { executionId },
  ...attemptsCostUsd !== undefined && { costUsd: attemptsCostUsd },
  ...durationMs !== undefined && { durationMs },
  ...settledAt !== undefined && { settledAt }
})

const payloadOf = (value: unknown): Payload => {
  const json = value === undefined ? undefined : JSON.stringify(value)
  return json === undefined ? { isCaptured: false } : { isCaptured: true, json, sizeBytes: Buffer.byteLength(json) }
}

const commandsOf = ({ path }: Ledger, { batch, states }: BatchStatus): BatchDetail["commands"] => {
  if (path === undefined) return []
  const inFolder = relative("", path)
  const command = (name: string, flags = "") =>
    `noukai batch ${name} ${shellWord(batch)}${flags} --ledger ${
      shellWord(inFolder.startsWith("..") ? path : inFolder)
    }`
  return [
    { does: "Show its progress", command: command("status") },
    { does: "Write its results as JSON lines", command: command("results", " --jsonl") },
    ...states.failed === 0
      ? []
      : [{ does: "Make its failed rows pending, for the next run", command: command("retry", " --only failed") }]
  ]
}

const notesOf = ({ absent, costUsd, refused }: BatchStatus): ReadonlyArray<string> => [
  ...costUsd === undefined ? ["Costs are not known. Run the batch with `cost: true` (`--cost`) to read them."] : [],
  ...refused === 0 ? [] : [`${refused} rows of its source were refused: they are not rows of the batch.`],
  ...absent === 0 ? [] : [`${absent} pending rows are not run, since the last source does not have them.`]
]

const isState = Schema.is(RowState)

/** The numbers of the rows that both lists have. Both are sorted. */
const common = (one: Uint32Array, other: Uint32Array): Uint32Array => {
  const all = new Set(other)
  return one.filter((no) => all.has(no))
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
  error instanceof NotFound || error instanceof Unavailable
    ? error
    : error._tag === "BatchNotFoundError" || error._tag === "InvalidBatchError"
    ? new NotFound({ message: error.message })
    : unavailable(error)

/** What is known of a batch from earlier reads. */
interface Known {
  readonly createdAt: number
  totals: BatchTotals
  readonly mutex: Effect.Semaphore
}

/** The batches of the ledgers. */
export const make = (stores: Stores) =>
  Effect.gen(function*() {
    const known = new Map<string, Known>()
    const statuses = new Map<string, { readonly signature: string; readonly batches: ReadonlyArray<BatchSummary> }>()

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
        : { createdAt, totals: new BatchTotals(), mutex: Effect.unsafeMakeSemaphore(1) }
      // the last one that was read is kept the longest
      known.delete(key)
      known.set(key, one)
      for (const oldest of known.keys()) if (known.size > keptTotals) known.delete(oldest)
      return one
    }

    /** Counts rows that have settled since, for at most so long; all of them without a limit. */
    const count = Effect.fnUntraced(
      function*(one: Known, batch: string, status: BatchStatus, most?: Duration.Duration) {
        const end = (yield* Clock.currentTimeMillis) + (most === undefined ? Infinity : Duration.toMillis(most))
        if (one.totals.isOutdated(status.states)) one.totals = new BatchTotals()
        for (;;) {
          const rows = yield* Batch.settled(batch, one.totals.settledNo)
          const now = yield* Clock.currentTimeMillis
          one.totals.add(rows, now)
          if (rows.length === 0 || now >= end) return one.totals
          yield* Effect.yieldNow()
        }
      }
    )

    const counted = (address: BatchAddress, info: BatchInfo, status: BatchStatus, most?: Duration.Duration) =>
      Effect.suspend(() => {
        const one = knownOf(address, info)
        return one.mutex.withPermits(1)(count(one, address.batch, status, most))
      })

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
      const status = yield* Batch.status(address.batch)
      const totals = yield* counted(address, info, status, counting)
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
        counted: totals.counted,
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

    const summariesOf = (ledger: Ledger) =>
      Effect.gen(function*() {
        const { name, signature } = ledger
        const before = statuses.get(name)
        if (before !== undefined && before.signature === signature) return before.batches
        const batches = yield* Effect.flatMap(
          Batch.list(),
          Effect.forEach((info) => Effect.map(Batch.status(info.batch), (status) => summaryOf(name, info, status)))
        )
        // whether a process is gone does not change a file
        if (signature === undefined || batches.some(({ status }) => status === "running")) statuses.delete(name)
        else statuses.set(name, { signature, batches })
        return batches
      })

    const batches: StudioLedgers.Service["batches"] = Effect.gen(function*() {
      const { problems } = yield* stores.found
      const all = yield* Effect.forEach(yield* stores.all, (ledger) =>
        Effect.either(Effect.mapError(stores.reading(ledger, summariesOf(ledger)), (error) => ({
          ledger: ledger.name,
          message: reasonOf(error)
        }))))
      return {
        searched: stores.searched,
        batches: all.flatMap((one) =>
          one._tag === "Right" ? one.right : []
        ).sort((one, other) =>
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
          Effect.map(
            Stream.runCollect(Batch.numbers(batch, key, state)),
            (numbers) => Uint32Array.from(Chunk.toReadonlyArray(numbers))
          ))
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
      about(address, () =>
        Effect.gen(function*() {
          const { error, key, state } = filter
          const { batch, ledger } = address
          const limit = Math.min(Math.max(1, filter.limit ?? standardRows), mostRows)
          const status = yield* Batch.status(batch)
          if (state !== undefined && state !== "doubtful" && !isState(state)) {
            return yield* new NotFound({ message: `There is no state ${JSON.stringify(state)} of rows.` })
          }
          const states = state === "doubtful" ? doubtful(status) : state
          const isMeant = (row: RowResult): boolean =>
            (error === undefined || (row.error !== undefined && errorName(row.error) === error)) &&
            (state === undefined || (state === "doubtful"
              ? row.state !== "submitted" ? doubtful(status).includes(row.state) : row.error?.kind === "TimedOut"
              : row.state === state))
          const read = (place: Pick<PageOptions, "after" | "before">, limit: number) =>
            Effect.gen(function*() {
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
                : yield* lists.get(Data.tuple(ledger, batch, key, isState(state) ? state : undefined))
              const ofError = error === undefined
                ? undefined
                : (yield* counted(address, yield* infoOf(batch), status)).numbersOf(error)
              const numbers = ofKeys === undefined ? ofError! : ofError === undefined ? ofKeys : common(ofKeys, ofError)
              return yield* listed(batch, numbers, place, limit, isMeant)
            })
          const isBack = filter.before !== undefined
          const found = yield* read(isBack ? { before: filter.before } : { after: filter.after ?? 0 }, limit + 1)
          const hasMore = found.length > limit
          const shown = isBack ? found.slice(-limit) : found.slice(0, limit)
          const first = shown[0]?.no ?? (filter.after ?? 0) + 1
          const last = shown.at(-1)?.no ?? (filter.before ?? 1) - 1
          const page: BatchRowPage = {
            rows: shown.map(rowOf),
            hasBefore: isBack ? hasMore : (yield* read({ before: first }, 1)).length > 0,
            hasAfter: isBack ? (yield* read({ after: last }, 1)).length > 0 : hasMore
          }
          return page
        }))

    const row: StudioLedgers.Service["row"] = (address, key) =>
      about(address, () =>
        Effect.gen(function*() {
          const { batch } = address
          const no = (yield* Batch.resultsOf(batch, [key])).get(key)?.no
          const [found] = no === undefined ? [] : yield* Batch.page(batch, { numbers: [no], withDocuments: true })
          if (found === undefined) {
            return yield* new NotFound({ message: `The batch has no row with the key ${JSON.stringify(key)}.` })
          }
          const attempts = yield* Batch.attempts(batch, key)
          const status = yield* Batch.status(batch)
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
        }))

    return { batches, batch, watch, rows, row }
  })
