/** The shared state of the rows of a batch in this process. */
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowError, SettledState } from "../../BatchRow.js"
import * as Batches from "../ledger/batches.js"
import { isPassing, type Ledger, mostBytes } from "../ledger/ledger.js"
import { failedSince } from "../ledger/reading.js"
import * as Rows from "../ledger/rows.js"
import * as Money from "../money.js"
import { isPassingFailure } from "./verdict.js"

/** The longest pause after a refusal, in milliseconds. */
const longestPause = 600_000

/** The longest pause of polls after a refusal, in milliseconds. */
const longestPollPause = 60_000

/** The longest pause after failures without `Retry-After`, in milliseconds. */
const longestBackoff = 30_000

/** The time without a success after which the batch stops, in milliseconds. */
const unreachableAfter = 300_000

/** The large inputs that are sent at once, in MiB, or one that has more. */
export const mostLarge = 8

/** The outcome of a row. */
export interface Settlement {
  readonly state: SettledState
  /** As JSON, so that the response can be collected while the result waits to be written. */
  readonly result?: string
  readonly error?: RowError
  readonly executionId?: string
  /** Whether its request was refused and nothing ran: it may take another input. */
  readonly isRefused?: boolean
  readonly adopted?: boolean
  /** The cost of its run in US dollars, as decimal text; `unknown` where it was asked for and cannot be read. */
  readonly costUsd?: string
  /** In milliseconds. */
  readonly durationMs?: number
  /** As JSON. */
  readonly tokens?: string
  /** The calls of its tools, as JSON; `unknown` where some are unknown. */
  readonly calls?: string
  /** The outputs of its steps, as JSON. */
  readonly steps?: string
}

export interface BatchDrive {
  readonly ledger: Ledger
  readonly record: Batches.BatchRecord
  readonly owner: string
  /** The number of times that the rows were handed out. */
  generation: number
  /** Rows in flight here. Each may have a run at the server. */
  slots: number
  /** Rows that have ended and gave their slot away, while their end is being stored. */
  storing: number
  /** Rows in flight without a known run. */
  uncertain: number
  /** Whether a run of the batch was found through its session. */
  canary: "unknown" | "proven"
  /** The warnings that were given once. */
  readonly told: Set<string>
  /** Set while the budget allows no new row, and no row is in flight here. */
  isPoor: boolean
  /** Set when this process must not begin more rows. */
  isStopping: boolean
  /** When sending may resume, in milliseconds since 1970. */
  pausedUntil: number
  /** When polling may resume after a refusal, in milliseconds since 1970. */
  pollsFrom: number
  failures: number
  /** The time of the last success of a request. */
  succeededAt: number
  /** The costs that were read here, in US dollars. */
  costs: { known: number; total: BigDecimal.BigDecimal }
  /** Rows that failed since the batch was started. */
  failedRows: number
  /** Opened on every event that a claim waits for. */
  readonly alarm: Effect.Latch
  /** The limit of large inputs being sent, in MiB: those of all slots would not fit into memory. */
  readonly large: Effect.Semaphore
  readonly metrics: BatchMetrics
  /** Moves a row from state to state; false if its stored state has changed. */
  readonly transit: (transition: Rows.Transition) => Effect.Effect<boolean, BatchStoreError>
}

/** Waits that a ledger may take to be there again: a database that is restarted is back in seconds. */
const ledgerRetry = Schedule.exponential("50 millis").pipe(
  Schedule.jittered,
  Schedule.union(Schedule.spaced("2 seconds")),
  Schedule.upTo("2 minutes")
)

/** Retries an operation of the ledger after a transient failure. */
export const insisting = <A, R>(effect: Effect.Effect<A, BatchStoreError, R>): Effect.Effect<A, BatchStoreError, R> =>
  Effect.retry(effect, { schedule: ledgerRetry, while: isPassing })

/** The shortest time between two polls of a row, in milliseconds. */
export const shortestWait = 10

/** The longest time between two polls of a row, in milliseconds. */
const longestWait = 5000

/** The milliseconds before the next poll of a row, after a number of polls: doubled by each. */
export const pollWait = (polls: number): number => Math.min(shortestWait * 2 ** polls, longestWait)

/** The wait of the first write of a group for others, in milliseconds: about as long as a disk takes to sync. */
const linger = 3

/** The most of one group. */
const mostItems = 500

/** Waits for others, which then share one statement. */
export const lingering: Effect.Effect<void> = Effect.async((resume) => {
  // a native timer, independent of the clock of the program
  // eslint-disable-next-line no-restricted-globals
  const timer = setTimeout(() => resume(Effect.void), linger)
  return Effect.sync(() => clearTimeout(timer))
})

/**
 * Groups transitions into one statement, because a database handles hundreds of statements per second and thousands of
 * rows. Each caller waits for its own transition, and receives whether it was made. `write` returns the ids of the rows
 * that changed.
 */
const groupWriter = (
  write: (transitions: ReadonlyArray<Rows.Transition>) => Effect.Effect<ReadonlySet<number>, BatchStoreError>
): Effect.Effect<BatchDrive["transit"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const waiting = yield* Queue.unbounded<{
      readonly transition: Rows.Transition
      readonly resume: (written: Effect.Effect<boolean, BatchStoreError>) => void
    }>()
    const group = Effect.gen(function*() {
      const first = yield* Queue.take(waiting)
      yield* lingering
      const all = [first, ...yield* Queue.takeUpTo(waiting, mostItems - 1)]
      while (all.length > 0) {
        let [count, bytes] = [1, Rows.sizeOf(all[0]!.transition)]
        while (count < all.length && (bytes += Rows.sizeOf(all[count]!.transition)) <= mostBytes) count++
        const some = all.splice(0, count)
        const exit = yield* Effect.exit(write(some.map(({ transition }) => transition)))
        for (const { resume, transition } of some) resume(Exit.map(exit, (taken) => taken.has(transition.id)))
      }
    })
    yield* Effect.forkScoped(Effect.forever(group))
    return (transition) => Effect.async((resume) => void waiting.unsafeOffer({ transition, resume }))
  })

export const make = (
  ledger: Ledger,
  record: Batches.BatchRecord,
  owner: string
): Effect.Effect<BatchDrive, never, Scope.Scope> =>
  Effect.gen(function*() {
    const transit = yield* groupWriter((transitions) => insisting(Rows.transit(ledger, record.id, owner, transitions)))
    return {
      ledger,
      record,
      owner,
      generation: record.generation,
      slots: 0,
      storing: 0,
      uncertain: 0,
      canary: record.canary,
      told: new Set(),
      isPoor: false,
      isStopping: false,
      pausedUntil: record.paused_until,
      pollsFrom: 0,
      failures: 0,
      succeededAt: yield* Clock.currentTimeMillis,
      costs: { known: 0, total: Money.none },
      failedRows: 0,
      alarm: Effect.unsafeMakeLatch(),
      large: Effect.unsafeMakeSemaphore(mostLarge),
      metrics: metricsOf(record.name),
      transit
    }
  })

/** Stops the batch in all processes, with a reason in the ledger. */
export const stop = (running: BatchDrive, reason: Batches.Stop): Effect.Effect<void, BatchStoreError> =>
  Effect.suspend(() => {
    running.isStopping = true
    running.alarm.unsafeOpen()
    return Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => insisting(Batches.stopped(running.ledger, running.record.id, reason, now))
    )
  })

/** Notes the success of a request. */
export const succeeded = (running: BatchDrive, now: number): void => {
  running.failures = 0
  running.succeededAt = now
}

/** Waits before a poll, unless it is nudged, and until the server accepts polls again. */
export const untilPoll = (
  running: BatchDrive,
  millis: number,
  nudged: Effect.Effect<boolean> = Effect.never
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const rest = Math.max(0, running.pollsFrom - (yield* Clock.currentTimeMillis))
    const isNudged = yield* Effect.raceFirst(Effect.as(Effect.sleep(millis + rest), false), nudged)
    if (running.pollsFrom > (yield* Clock.currentTimeMillis)) {
      yield* untilPoll(running, isNudged ? shortestWait : millis, nudged)
    }
  })

/** Pauses sending in all slots: for the time of `Retry-After`, or for a backoff that grows with the failures. */
export const pause = (running: BatchDrive, seconds: number | undefined): Effect.Effect<void, BatchStoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    // a failure within a pause has the cause of the pause: all rows in flight count as one failure
    if (seconds === undefined && running.pausedUntil > now) return Effect.void
    const backoff = Math.min(longestBackoff, 100 * 2 ** Math.min(running.failures++, 20))
    const wait = seconds === undefined ? backoff : Math.min(longestPause, Math.max(seconds * 1000, 100))
    if (seconds !== undefined) running.pollsFrom = Math.max(running.pollsFrom, now + Math.min(longestPollPause, wait))
    const until = Math.ceil(now + wait)
    if (until <= running.pausedUntil) return Effect.void
    running.pausedUntil = until
    running.alarm.unsafeOpen()
    // `Retry-After` applies to every process
    return seconds === undefined
      ? Effect.void
      : insisting(Batches.heldUntil(running.ledger, running.record.id, until))
  })

/** Whether no request has succeeded for too long. */
export const isUnreachable = (running: BatchDrive, now: number): boolean => now - running.succeededAt > unreachableAfter

/** Counts a failure that concerns all rows, and stops the batch if no request has succeeded for too long. */
export const unreachable = (
  running: BatchDrive,
  message: string,
  seconds: number | undefined
): Effect.Effect<void, BatchStoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    isUnreachable(running, now)
      ? stop(running, { reason: "unreachable", message })
      : pause(running, seconds))

/** Logs a warning once. */
const tellOnce = ({ record, told }: BatchDrive, what: string, message: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (told.has(what)) return Effect.void
    told.add(what)
    return Effect.logWarning(`Batch ${JSON.stringify(record.name)}: ${message}`)
  })

/** Warns once that a run which began is not listed under its session. */
export const unlisted = (running: BatchDrive): Effect.Effect<void> =>
  tellOnce(
    running,
    "unlisted",
    `a run that began ${running.record.settings.grace} ms ago is not listed under its session, so rows run one at a ` +
      "time until one is. Set a longer grace if the server lists runs later"
  )

/** Warns once of each unknown status. */
export const unknownStatus = (running: BatchDrive, status: string, executionId: string): Effect.Effect<void> => {
  const shown = JSON.stringify(status)
  const message = `the run ${executionId} has the unknown status ${shown}, which counts as running`
  return tellOnce(running, `status ${shown}`, message)
}

const settledRows = Metric.counter("noukai_batch_rows_settled", { description: "Rows of batches that were settled" })

const spentUsd = Metric.counter("noukai_batch_spent_usd", {
  description: "The known or assumed cost of rows, in US dollars"
})

const runningRows = Metric.gauge("noukai_batch_rows_running", { description: "Rows in flight in this process" })

const uncertainRows = Metric.gauge("noukai_batch_rows_uncertain", {
  description: "Rows of this process that may have been sent, without a known run"
})

interface BatchMetrics {
  readonly settled: { readonly [state in SettledState | "retried"]: Metric.Metric.Counter<number> }
  readonly spent: Metric.Metric.Counter<number>
  readonly running: Metric.Metric.Gauge<number>
  readonly uncertain: Metric.Metric.Gauge<number>
}

const ends = ["done", "failed", "cancelled", "reported", "invalid", "retried"] as const

/** The metrics of a batch, made once, since Effect takes long to tag a metric. */
const metricsOf = (batch: string): BatchMetrics => {
  const settled = settledRows.pipe(Metric.tagged("batch", batch))
  const inState = (state: SettledState | "retried") => [state, settled.pipe(Metric.tagged("state", state))] as const
  return {
    settled: Object.fromEntries(ends.map(inState)) as BatchMetrics["settled"],
    spent: spentUsd.pipe(Metric.tagged("batch", batch)),
    running: runningRows.pipe(Metric.tagged("batch", batch)),
    uncertain: uncertainRows.pipe(Metric.tagged("batch", batch))
  }
}

/** Whether the cost of each run is read. */
export const readsCosts = ({ record: { settings: { budgetUsd, cost } } }: BatchDrive): boolean =>
  cost || budgetUsd !== undefined

/** Stores the end of a row; false if another process has the row. */
export const settle = (
  running: BatchDrive,
  row: Rows.LiveRow,
  { adopted, calls, costUsd: read, durationMs, error, executionId, isRefused, result, state, steps, tokens }: Settlement
): Effect.Effect<boolean, BatchStoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    // a run that may exist and is not known is taken to have cost its reservation
    const costUsd = read ?? (state === "reported" && readsCosts(running) ? Money.unknown : undefined)
    const isKnown = costUsd !== undefined && costUsd !== Money.unknown
    const spent = isKnown ? Money.parse(costUsd) : costUsd === undefined ? Money.none : row.reserved
    const wait = state === "failed" && error !== undefined && isPassingFailure(error)
      ? running.record.settings.attemptsAfter?.[row.retries]
      : undefined
    const written = running.transit({
      id: row.id,
      attempt: row.attempt,
      from: ["intent", "uncertain", "submitted"],
      to: state,
      isRefused,
      executionId,
      adopted,
      result,
      tokens,
      calls,
      steps,
      settledAt: now,
      dueAt: wait === undefined ? undefined : Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(now + wait)),
      released: row.reserved,
      error: error && JSON.stringify(error),
      costUsd,
      durationMs: durationMs && Math.round(durationMs),
      spent
    })
    return Effect.tap(written, (isTaken) => {
      if (!isTaken) return Effect.void
      const { metrics } = running
      const isFailed = wait === undefined && failures.has(state)
      if (isFailed) running.failedRows++
      return Metric.update(metrics.settled[wait === undefined ? state : "retried"], 1).pipe(
        Effect.zipRight(
          BigDecimal.isZero(spent) ? Effect.void : Metric.update(metrics.spent, BigDecimal.unsafeToNumber(spent))
        ),
        Effect.zipRight(isFailed ? tooManyFailed(running) : Effect.void)
      )
    })
  })

const failures: ReadonlySet<SettledState> = new Set(["failed", "reported"])

/** Stops the batch if more than `maxFailures` rows failed. */
const tooManyFailed = (running: BatchDrive): Effect.Effect<void, BatchStoreError> => {
  const { maxFailures } = running.record.settings
  return maxFailures !== undefined && running.failedRows > maxFailures && !running.isStopping
    ? stop(running, {
      reason: "failures",
      message: `${running.failedRows} rows failed; at most ${maxFailures} may fail`
    })
    : Effect.void
}

/** Sets how many rows are in flight here. */
const liveRows = ({ metrics, slots, uncertain }: BatchDrive): Effect.Effect<void> =>
  Effect.zipRight(Metric.set(metrics.running, slots), Metric.set(metrics.uncertain, uncertain))

/** Reads from the ledger whether to continue, and the failures of other processes. */
export const heed = (running: BatchDrive): Effect.Effect<void, BatchStoreError> =>
  Effect.zipRight(
    Effect.all([newest(running), due(running), liveRows(running)]),
    running.record.settings.maxFailures === undefined ? Effect.void : failedElsewhere(running)
  )

/** Makes rows pending whose next attempt is due. */
export const due = (running: BatchDrive): Effect.Effect<void, BatchStoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => insisting(Rows.due(running.ledger, running.record.id, now)))

const failedElsewhere = (running: BatchDrive): Effect.Effect<void, BatchStoreError> =>
  Effect.flatMap(insisting(failedSince(running.ledger, running.record.id, running.record.started_at)), (failed) => {
    running.failedRows = Math.max(running.failedRows, failed)
    return tooManyFailed(running)
  })

const newest = (running: BatchDrive): Effect.Effect<void, BatchStoreError> =>
  Effect.map(insisting(Batches.reread(running.ledger, running.record.id)), (found) => {
    const goesOn = Option.isSome(found) && found.value.state === "running" &&
      found.value.generation === running.generation
    if (!goesOn) running.isStopping = true
    else {
      running.pausedUntil = Math.max(running.pausedUntil, found.value.paused_until)
      if (found.value.canary === "proven") running.canary = "proven"
    }
    running.alarm.unsafeOpen()
  })
