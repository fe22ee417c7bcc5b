/** Reads and changes a batch in a ledger. */
import { Flow } from "@effect-noukai/sdk"
import { onceSession } from "@effect-noukai/sdk/FlowService"
import { isCount, isFields } from "@effect-noukai/sdk/kit/names"
import { digitsOf, withDigits, withoutDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Array_ from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import { InvalidBatchError, type LedgerError } from "../BatchError.js"
import type { RefusedRow, RowResult, RowState } from "../BatchRow.js"
import type { BatchInfo, BatchStatus, PageOptions, Progress, ResultsOptions, RetryOptions } from "../BatchStatus.js"
import { BatchStore } from "../BatchStore.js"
import { type Definition, idProblem, made } from "./definition.js"
import { onceKey } from "./drive/executeRuns.js"
import { rowSession, versionOf } from "./drive/jobRuns.js"
import * as Batches from "./ledger/batches.js"
import type { Ledger } from "./ledger/ledger.js"
import * as Reading from "./ledger/reading.js"
import * as Settling from "./ledger/settling.js"
import * as Money from "./money.js"
import { fitting, named, pageNames, resultsNames, retryNames } from "./names.js"
import { isState, selecting } from "./selection.js"

/** The batch of an id, and the ledger that keeps it. */
export const existing = Effect.fnUntraced(function*(method: string, id: string) {
  const reason = idProblem(id)
  if (reason !== undefined) return yield* new InvalidBatchError({ method, field: "batch", reason })
  const ledger = yield* BatchStore
  return [ledger, yield* Batches.get(ledger, id)] as const
})

const statusName = (
  record: Batches.BatchRecord,
  states: Reading.Counts,
  isLeft: boolean
): BatchStatus["status"] => {
  if (record.stop?.reason === "cancelled") return "cancelled"
  if (record.state === "running" && !isLeft) return "running"
  // a stop may come when all that was left was in flight; and rows are added, or to be run again, after an end
  const isOpen = record.state === "planned" || Reading.unsettled(states) + states.timedOut + states.unselected > 0
  return !isOpen ? "completed" : record.stop?.reason === "paused" ? "paused" : "incomplete"
}

const killed: BatchStatus["stop"] = {
  reason: "killed",
  message: "the process that ran it is gone: run it again to go on",
  advice: "run it again to go on"
}

export const statusOf = Effect.fnUntraced(function*(ledger: BatchStore["Type"], record: Batches.BatchRecord) {
  const counts = yield* Reading.counts(ledger, record.id)
  const { absent, timedOut, unselected, waiting, ...shown } = counts
  const pending = shown.pending + absent + unselected + waiting
  const states = { ...shown, pending, submitted: shown.submitted + timedOut }
  const { settings: { budgetUsd, cost }, spent_usd } = record
  const isLeft = record.state === "running" && !(yield* ledger.isHeld)
  const status = statusName(record, counts, isLeft)
  const stop = isLeft ? killed : record.stop ?? undefined
  const rows = Object.values(states).reduce((sum, count) => sum + count, 0)
  const targets = yield* Reading.targets(ledger, record)
  const refused = yield* Reading.refusedCount(ledger, record.id)
  const unknown = cost || budgetUsd !== undefined ? yield* Reading.unknownCosts(ledger, record.id) : undefined
  return {
    batch: record.name,
    flow: record.flow,
    version: record.version,
    ...(targets.length > 0 && { targets }),
    ...(record.definition !== null && {
      definition: {
        hash: record.definition,
        ...(record.definition_at !== null && { changedAt: record.definition_at })
      }
    }),
    status,
    isClean: status === "completed" && states.done + absent === rows && refused === 0,
    ...(stop !== undefined && status !== "completed" && { stop }),
    rows,
    states,
    absent,
    unselected,
    waiting,
    retries: yield* Reading.retries(ledger, record.id),
    timedOut,
    refused,
    adopted: yield* Reading.adoptedCount(ledger, record.id),
    ...(unknown !== undefined && {
      costUsd: Money.print(spent_usd),
      unknownCosts: unknown.rows,
      ...(!BigDecimal.isZero(unknown.assumed) && { assumedUsd: Money.print(unknown.assumed) })
    })
  }
})

export const status = (batch: string): Effect.Effect<BatchStatus, LedgerError, BatchStore> =>
  Effect.flatMap(existing("Batch.status", batch), ([ledger, record]) => statusOf(ledger, record))

/** The time between two counts, in milliseconds, and how many times longer than a count it is at least. */
const [interval, share] = [1000, 20]

/** The time over which the rate is measured, in milliseconds. */
const window = 30_000

/** How far a batch is, and how fast it goes. */
export const progress = (batch: string): Stream.Stream<Progress, LedgerError, BatchStore> =>
  Stream.unwrap(Effect.map(existing("Batch.progress", batch), ([ledger]) => {
    const seen: Array<readonly [at: number, settled: number]> = []
    let took = 0

    const look = Effect.gen(function*() {
      const before = yield* Clock.currentTimeMillis
      const now = yield* Batches.get(ledger, batch)
      const status = yield* statusOf(ledger, now)
      const at = yield* Clock.currentTimeMillis
      took = at - before
      const { states } = status
      const settled = states.done + states.failed + states.cancelled + states.reported + states.invalid
      seen.push([at, settled])
      while (seen.length > 2 && at - seen[0]![0] > window) seen.shift()
      const [since, first] = seen[0]!
      const rowsPerSecond = at > since ? (settled - first) / (at - since) * 1000 : 0
      const found: Progress = {
        batch,
        ...Struct.pick(status, "status", "rows", "timedOut"),
        ...Struct.pick(states, "done", "failed", "reported", "uncertain"),
        running: states.intent + states.submitted - status.timedOut,
        settled,
        rowsPerSecond,
        ...(rowsPerSecond > 0 &&
          { etaMs: Math.round((status.rows - status.absent - status.unselected - settled) / rowsPerSecond * 1000) }),
        ...Struct.pick(status, "costUsd", "unknownCosts", "assumedUsd")
      }
      return [found, now.state === "running" || now.state === "planned"] as const
    })

    const waited = Effect.suspend(() => Effect.sleep(Math.max(interval, took * share)))
    return Stream.concat(Stream.fromEffect(look), Stream.repeatEffect(Effect.zipRight(waited, look))).pipe(
      Stream.takeUntil(([, goesOn]) => !goesOn),
      Stream.map(([found]) => found)
    )
  }))

/** How long one waits for rows that settle later, in milliseconds. */
const following = 200

/** Rows as they settle, to the end of the run of their batch. */
const followed = (ledger: Ledger, record: Batches.BatchRecord, after: number, withInput: boolean) => {
  let last = after
  const page = Stream.suspend(() =>
    Stream.tap(Reading.settledAfter(ledger, record, last, withInput), (row) =>
      Effect.sync(() => {
        last = row.settledNo ?? last
      }))
  )
  // rows that settle before the end is seen are read after it
  const round = Stream.unwrap(Effect.map(Batches.reread(ledger, record.id), (now) => {
    const goesOn = Option.isSome(now) && (now.value.state === "running" || now.value.state === "planned")
    return Stream.concat(Stream.map(page, Option.some), goesOn ? Stream.empty : Stream.make(Option.none<RowResult>()))
  }))
  const waited = Stream.drain(Stream.fromEffect(Effect.sleep(following)))
  return Stream.concat(round, waited).pipe(
    Stream.forever,
    Stream.takeWhile(Option.isSome),
    Stream.map(({ value }) => value)
  )
}

/** Results by the schema of their flow. */
const reading = (definition: Definition): (row: RowResult) => RowResult => {
  const { flow } = definition
  const schema = typeof flow === "object" && Flow.isFlow(flow) ? flow.result : undefined
  if (schema === undefined) return (row) => row
  const decode = Schema.decodeUnknownEither(schema)
  return (row) =>
    row.state !== "done"
      ? row
      : Either.match(decode(withoutDigits(row.result)), {
        onRight: (result) => withDigits({ ...row, result }, digitsOf(row)),
        onLeft: (error) => {
          const { result: _, ...rest } = row
          const message = `its result does not fit the flow: ${Flow.formatMismatch(error)}`
          return { ...rest, error: { kind: "UnexpectedResult", message } }
        }
      })
}

export const results = (
  batch: Definition | string,
  options: ResultsOptions = {}
): Stream.Stream<RowResult, LedgerError, BatchStore> =>
  Stream.unwrap(Effect.gen(function*() {
    const method = "Batch.results"
    yield* named(method, options, resultsNames)
    const { after = 0, follow = false, order = "input", select, withInput = false } = options
    if (typeof batch !== "string") yield* made(method, batch)
    const [id, read] = typeof batch === "string"
      ? [batch, (row: RowResult) => row] as const
      : [batch.id, reading(batch)] as const
    if (!isCount(after, 0)) return yield* new InvalidBatchError({ method, field: "after", reason: aNumber })
    if (order !== "input" && order !== "done") {
      return yield* new InvalidBatchError({ method, field: "order", reason: "must be \"input\" or \"done\"" })
    }
    const isSelected = yield* selecting(method, select)
    const [ledger, record] = yield* existing(method, id)
    const rows = order === "input"
      ? Reading.inOrder(ledger, record, withInput)
      : (follow ? followed : Reading.settledAfter)(ledger, record, after, withInput)
    return Stream.map(select === undefined ? rows : Stream.filter(rows, isSelected), read)
  }))

const aNumber = "must be a whole number of at least 0"

export const resultsOf = Effect.fnUntraced(function*(batch: Definition | string, keys: ReadonlyArray<string>) {
  const method = "Batch.resultsOf"
  if (typeof batch !== "string") yield* made(method, batch)
  yield* fitting(method, "keys", () => Array.isArray(keys) && keys.every(Predicate.isString), "must be a list of texts")
  const [ledger, record] = yield* existing(method, typeof batch === "string" ? batch : batch.id)
  const rows = yield* Reading.ofKeys(ledger, record, keys)
  if (typeof batch === "string") return rows
  const read = reading(batch)
  return new Map([...rows].map(([key, row]) => [key, read(row)]))
})

/** The first option of a page that is not a whole number in its range. */
const misnumbered = ({ numbers, ...counts }: PageOptions): string | undefined =>
  (["after", "before", "limit"] as const).find((name) => !isCount(counts[name] ?? 0, 0)) ??
    (numbers === undefined || (Array.isArray(numbers) && numbers.every((no) => isCount(no, 0))) ? undefined : "numbers")

export const page = (batch: string, options: PageOptions = {}) =>
  named("Batch.page", options, pageNames).pipe(
    Effect.zipRight(Effect.suspend(() => {
      const field = misnumbered(options)
      return field === undefined ? Effect.void : new InvalidBatchError({ method: "Batch.page", field, reason: aNumber })
    })),
    Effect.zipRight(existing("Batch.page", batch)),
    Effect.flatMap(([ledger, record]) => Reading.page(ledger, record, options))
  )

export const settled = (batch: string, after = 0) =>
  Effect.flatMap(
    isCount(after, 0)
      ? existing("Batch.settled", batch)
      : new InvalidBatchError({ method: "Batch.settled", field: "after", reason: aNumber }),
    ([ledger, { id }]) => Reading.settled(ledger, id, after)
  )

/** The session of an attempt at a row. */
export const sessionOf = (
  { name, operation }: Pick<Batches.BatchRecord, "name" | "operation">,
  { attempt, flow, key, version }: Pick<RowResult, "attempt" | "flow" | "key" | "version">
) =>
  operation === "jobs"
    ? Effect.succeed(rowSession({ flow, name, version }, key, attempt))
    : onceSession(onceKey(name, { attempt, key }), flow, versionOf(version))

export const session = (batch: string, row: Pick<RowResult, "attempt" | "flow" | "key" | "version">) =>
  fitting(
    "Batch.session",
    "row",
    () => isFields(row) && Predicate.isString(row.key) && isCount(row.attempt, 1),
    "must be a row of Batch.results"
  ).pipe(
    Effect.zipRight(existing("Batch.session", batch)),
    Effect.flatMap(([, record]) => sessionOf(record, row))
  )

export const numbers = (batch: string, key: string, state?: RowState): Stream.Stream<number, LedgerError, BatchStore> =>
  Stream.unwrap(Effect.gen(function*() {
    const method = "Batch.numbers"
    yield* fitting(method, "pattern", () => Predicate.isString(key), "must be a text")
    const isSelected = yield* selecting(method, { key })
    yield* fitting(method, "state", () => state === undefined || isState(state), "must be the state of a row")
    const [ledger, { id }] = yield* existing(method, batch)
    return Reading.numbers(ledger, id, key, ({ key }) => isSelected({ key, state: "done" }), state)
  }))

export const list = (prefix = ""): Effect.Effect<ReadonlyArray<BatchInfo>, LedgerError, BatchStore> =>
  Effect.map(
    Effect.zipRight(
      fitting("Batch.list", "prefix", () => Predicate.isString(prefix), "must be a text"),
      Effect.flatMap(BatchStore, (ledger) => Batches.beginning(ledger, prefix))
    ),
    Array_.map(({ created_at, flow, name, note, version }) => ({
      batch: name,
      flow,
      version,
      createdAt: created_at,
      ...(note !== null && { note })
    }))
  )

export const refused = (batch: string): Stream.Stream<RefusedRow, LedgerError, BatchStore> =>
  Stream.unwrap(Effect.map(existing("Batch.refused", batch), ([ledger, { id }]) => Reading.refused(ledger, id)))

const retried = ["failed", "cancelled", "invalid", "reported", "done"]

/** Why a retry of rows may pay twice, by their state. */
const doubled: { readonly [state: string]: string } = {
  reported: "reported rows may have run, and may be run and billed again",
  done: "done rows have run, and are run and billed again"
}

export const retry = (batch: string, options: RetryOptions) =>
  Effect.scoped(Effect.gen(function*() {
    const method = "Batch.retry"
    yield* named(method, options, retryNames)
    const only: string = options?.only
    if (!retried.includes(only)) {
      const reason = `must be one of ${retried.map((state) => `"${state}"`).join(", ")}`
      return yield* new InvalidBatchError({ method, field: "only", reason })
    }
    if ((options.only === "reported" || options.only === "done") && options.acceptDoubleRuns !== true) {
      const reason = `must be true: ${doubled[options.only]}`
      return yield* new InvalidBatchError({ method, field: "acceptDoubleRuns", reason })
    }
    const isSelected = yield* selecting(method, options.select)
    const [ledger, record] = yield* existing(method, batch)
    yield* ledger.exclusive
    return options.only === "invalid"
      ? yield* Settling.forgetInvalid(ledger, record.id, isSelected)
      : yield* Settling.retried(ledger, record.id, options.only, isSelected)
  }))

export const attempts = Effect.fnUntraced(function*(batch: string, key: string) {
  const method = "Batch.attempts"
  const [ledger, { id }] = yield* existing(method, batch)
  const reason = `${JSON.stringify(key)} is not that of a row of the batch`
  const found = yield* Reading.attempts(ledger, id, key)
  return yield* Effect.mapError(found, () => new InvalidBatchError({ method, field: "key", reason }))
})

export const pause = Effect.fnUntraced(function*(batch: string) {
  const [ledger, record] = yield* existing("Batch.pause", batch)
  if ((yield* statusOf(ledger, record)).status === "completed") return
  yield* Batches.paused(ledger, record.id, yield* Clock.currentTimeMillis)
})

export const resume = (batch: string): Effect.Effect<void, LedgerError, BatchStore> =>
  Effect.flatMap(existing("Batch.resume", batch), ([ledger, record]) => Batches.resumed(ledger, record.id))

export const cancel = Effect.fnUntraced(function*(batch: string) {
  const [ledger, { id }] = yield* existing("Batch.cancel", batch)
  const now = yield* Clock.currentTimeMillis
  // before its rows, so that rows that become pending are not claimed
  yield* Batches.cancelled(ledger, id, now)
  return yield* Settling.cancelPending(ledger, id, now)
})

export const forget = (batch: string) =>
  Effect.scoped(Effect.gen(function*() {
    const [ledger, record] = yield* existing("Batch.forget", batch)
    yield* ledger.exclusive
    yield* Settling.forgotten(ledger, record.id)
  }))
