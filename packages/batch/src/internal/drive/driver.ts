/**
 * Takes part in batches: claims rows as slots become free, and runs them. A process takes part in a batch once, for all
 * its lanes.
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { BatchStoreError } from "../../BatchError.js"
import { advising, type BatchRecord } from "../ledger/batches.js"
import type { Ledger } from "../ledger/ledger.js"
import * as Limits from "../ledger/limits.js"
import * as Rows from "../ledger/rows.js"
import * as Money from "../money.js"
import * as Pace from "./pace.js"
import * as BatchDrive from "./running.js"
import { runRow } from "./runRow.js"
import type { Runs } from "./runs.js"

/** The times between two looks at the ledger of an idle process, in milliseconds. */
const [idle, heartbeat] = [200, 1000]

/** The assumed cost of a row, as a multiple of the average. */
const room = BigDecimal.make(15n, 1)

interface Lane {
  readonly no: number
  readonly scope: Scope.CloseableScope
  readonly over: Deferred.Deferred<void, BatchStoreError>
  /** The most rows in flight: the limit of the fleet, shared by its lanes wherever they are. */
  readonly share: number
  rows: number
}

/** A batch that this process takes part in. */
export interface Part {
  /** Runs rows of the batch until none is pending and this lane has none left, or the batch is stopped. */
  readonly lane: (lane: number) => Effect.Effect<void, BatchStoreError>
  /** Begins no more rows. */
  readonly stop: Effect.Effect<void>
  /** Continues with rows that were handed out again. */
  readonly renew: (record: BatchRecord) => Effect.Effect<void>
}

/** Waits for the alarm, or for some milliseconds. */
const awaken = (running: BatchDrive.BatchDrive, millis: number): Effect.Effect<void> =>
  running.alarm.await.pipe(
    Effect.timeoutOption(millis),
    // a lane that fails does not wait for those that sleep
    Effect.disconnect,
    Effect.asVoid
  )

/** The part that a process takes in a batch: its lanes, and the rows that they run. */
interface Driver {
  readonly running: BatchDrive.BatchDrive
  readonly runs: Runs
  /** The turns of a rate. Absent: rows are sent at once. */
  readonly pace: Pace.Pace | undefined
  readonly lanes: Map<number, Lane>
  /** The number of lanes that were asked for a claim. */
  claims: number
  /** The rows that run here, those of lanes that are just being given up included. */
  readonly live: Set<number>
  /** Rows that were interrupted here: they may have been sent. */
  readonly interrupted: Set<number>
}

/** Begins a row, and sends it in its turn. */
const begin = (driver: Driver, lane: Lane, row: Rows.LiveRow, turn: Pace.Turn): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { interrupted, live, pace, running, runs } = driver
    lane.rows++
    running.slots++
    live.add(row.id)
    const ended = (exit: Exit.Exit<void, BatchStoreError>) => {
      lane.rows--
      running.slots--
      live.delete(row.id)
      pace?.arrived(row.id)
      if (Exit.isSuccess(exit)) interrupted.delete(row.id)
      else interrupted.add(row.id)
      running.alarm.unsafeOpen()
    }
    // a lane that has ended interrupts it before it begins; its slot is freed all the same
    return Effect.uninterruptible(Effect.forkIn(
      Effect.interruptible(runRow(running, runs, row, turn)).pipe(
        Effect.onExit((exit) =>
          Effect.zipRight(
            Effect.sync(() => ended(exit)),
            Exit.isFailure(exit) && !Exit.isInterrupted(exit)
              ? Deferred.failCause(lane.over, exit.cause)
              : Effect.void
          )
        )
      ),
      lane.scope
    ))
  })

/** The amount to reserve for a row: at first its limit, then the average cost with a margin. */
const estimate = ({ costs: { known, total }, record }: BatchDrive.BatchDrive): BigDecimal.BigDecimal => {
  const { maxCostUsd = Money.none } = record.settings
  if (known < 10) return maxCostUsd
  const average = BigDecimal.unsafeDivide(total, BigDecimal.make(BigInt(known), 0))
  return BigDecimal.min(maxCostUsd, BigDecimal.ceil(BigDecimal.multiply(average, room), 12))
}

/** The lane of the next claim: the next one that may have more rows in flight. */
const nextLane = (driver: Driver, least = 0): Lane | undefined => {
  const all = [...driver.lanes.values()]
  for (let tried = 0; tried < all.length; tried++) {
    const lane = all[driver.claims++ % all.length]!
    if (Math.max(lane.share - lane.rows, least) > 0) return lane
  }
  return undefined
}

/** Waits until a moment, or until no more rows are to be begun here. */
const until = (running: BatchDrive.BatchDrive, moment: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (running.isStopping || now >= moment) return Effect.void
    running.alarm.unsafeClose()
    return Effect.zipRight(awaken(running, moment - now), Effect.suspend(() => until(running, moment)))
  })

const claim = (driver: Driver, lane: Lane, wanted: number): Effect.Effect<number | "poor", BatchStoreError> =>
  Effect.gen(function*() {
    const { pace, running } = driver
    const { ledger, owner, record: { id: batch, settings: { budgetUsd, grace } } } = running
    const turns = pace === undefined ? undefined : yield* pace.take(wanted)
    const count = turns?.count ?? wanted
    if (turns !== undefined) yield* until(running, turns.claimAt)
    if (running.isStopping) return 0
    const reserved = budgetUsd === undefined ? Money.none : estimate(running)
    const found = yield* BatchDrive.insisting(Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const claim = {
        batch,
        generation: running.generation,
        owner,
        lane: lane.no,
        count,
        now,
        reserved,
        ...(running.canary !== "proven" && { aloneFor: grace })
      }
      return budgetUsd === undefined
        ? Effect.asSome(Rows.claim(ledger, claim))
        : Rows.claimWithin(ledger, claim, budgetUsd)
    }))
    if (Option.isNone(found)) return "poor"
    const rows = found.value
    for (const [nth, row] of rows.entries()) {
      yield* begin(driver, lane, row, turns === undefined ? identity : turns.turn(nth, row))
    }
    return rows.length
  })

/** Reserves slots during a claim, so that returning rows cannot take them. */
const claimed = (driver: Driver, lane: Lane, wanted: number): Effect.Effect<number | "poor", BatchStoreError> =>
  Effect.acquireUseRelease(
    Effect.sync(() => driver.running.slots += wanted),
    () => claim(driver, lane, wanted),
    () => Effect.sync(() => driver.running.slots -= wanted)
  )

/** Ends the lanes that run no row. */
const over = ({ lanes }: Driver): Effect.Effect<void> =>
  Effect.suspend(() => {
    const without = [...lanes.values()].filter(({ rows }) => rows === 0)
    return Effect.forEach(without, ({ over }) => Deferred.succeed(over, void 0), { discard: true })
  })

const isQuiet = ({ lanes }: Driver): boolean => [...lanes.values()].every((lane) => lane.rows === 0)

/**
 * Takes up rows of claims with a lost response, and rows of lanes that returned before another process had them.
 * Returns whether there were any.
 */
const strays = (driver: Driver): Effect.Effect<boolean, BatchStoreError> =>
  Effect.gen(function*() {
    const { interrupted, lanes, live, pace, running: { ledger, owner, record } } = driver
    const rows = yield* BatchDrive.insisting(Rows.strayed(ledger, record.id, owner))
    if (!isQuiet(driver)) return true
    for (const row of rows) {
      if (live.has(row.id)) continue
      const lane = lanes.get(row.lane) ?? nextLane(driver, 1)
      if (lane === undefined) continue
      const mayBeSent = row.state === "intent" && interrupted.has(row.id)
      yield* begin(
        driver,
        lane,
        mayBeSent ? { ...row, state: "uncertain", intentAt: row.intentAt + record.settings.grace } : row,
        pace?.another ?? identity
      )
    }
    return rows.length > 0
  })

/** Whether no row runs here, and none is to be taken up. */
const isIdle = (driver: Driver): Effect.Effect<boolean, BatchStoreError> =>
  Effect.suspend(() => isQuiet(driver) ? Effect.map(strays(driver), (any) => !any) : Effect.succeed(false))

/** Ends the lanes, or stops the batch, after a claim that the budget did not allow. */
const poor = (driver: Driver): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    if (!(yield* isIdle(driver))) return
    const { running } = driver
    const left = yield* BatchDrive.insisting(Rows.left(running.ledger, running.record.id))
    if (!left.isPending) return yield* over(driver)
    // rows in flight elsewhere may release part of their reservations
    if (left.isLive) return
    const what = "the budget does not allow for another row; "
    yield* BatchDrive.stop(running, advising("budget", what, "raise it and run the batch again"))
  })

/** Ends the lanes after a claim that found no row, or counts the rows that are due later. */
const empty = (driver: Driver): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    const { running } = driver
    const left = yield* BatchDrive.insisting(Rows.left(running.ledger, running.record.id))
    // rows wait for their next attempt, or for the first row, which another process may have
    if (left.isPending) yield* BatchDrive.due(running)
    else if (yield* isIdle(driver)) yield* over(driver)
  })

/** Claims rows for so many free slots. Until a run was found through its session, `isFirst`, one row runs at a time. */
const fill = (driver: Driver, free: number, isFirst: boolean): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    const { running } = driver
    // rows that wait for the first one have no run, and keep their places in their lanes
    const lane = nextLane(driver, isFirst ? 1 : 0)
    if (lane === undefined) {
      // lanes without a share end at once
      if (yield* isIdle(driver)) yield* over(driver)
      return yield* awaken(running, idle)
    }
    const begun = yield* claimed(driver, lane, Math.min(free, Math.max(lane.share - lane.rows, 1)))
    if (running.isStopping) return
    running.isPoor = begun === "poor" && running.slots === 0
    // more slots come free, and one claim has rows for them all
    if (begun !== "poor" && begun > 0) return yield* BatchDrive.lingering
    yield* begun === "poor" ? poor(driver) : empty(driver)
    yield* awaken(running, idle)
  })

/** Claims rows for free slots, or waits for some. */
const claimNext = (driver: Driver): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    const { lanes, pace, running } = driver
    // an alarm from here on ends the waits below
    running.alarm.unsafeClose()
    const now = yield* Clock.currentTimeMillis
    // until a run was found through its session, no more than one row may be in doubt
    const isFirst = running.canary !== "proven"
    const slots = isFirst ? 1 : running.record.settings.concurrency
    const free = Math.min(slots - running.slots, pace?.room() ?? Infinity)
    if (lanes.size === 0) return yield* awaken(running, heartbeat)
    if (running.isStopping) return yield* Effect.zipRight(over(driver), awaken(running, idle))
    if (running.pausedUntil > now) return yield* awaken(running, Math.min(heartbeat, running.pausedUntil - now))
    if (free <= 0) return yield* awaken(running, heartbeat)
    yield* fill(driver, free, isFirst)
  })

const claiming = (driver: Driver): Effect.Effect<never, BatchStoreError> =>
  Effect.gen(function*() {
    while (true) yield* claimNext(driver)
  })

/** The most rows in flight of a lane. */
const shareOf = ({ fleetConcurrency, lanes }: BatchRecord["settings"], no: number): number =>
  fleetConcurrency === undefined
    ? Infinity
    : Math.floor(fleetConcurrency / lanes) + (no < fleetConcurrency % lanes ? 1 : 0)

/** Runs rows as a lane until it is over. */
const inLane = (driver: Driver, no: number): Effect.Effect<void, BatchStoreError> => {
  const { lanes, pace, running } = driver
  const { ledger, owner, record: { id, settings } } = running
  return Effect.acquireUseRelease(
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const over = yield* Deferred.make<void, BatchStoreError>()
      const lane: Lane = { no, scope, over, share: shareOf(settings, no), rows: 0 }
      return lane
    }),
    (lane) =>
      Effect.gen(function*() {
        for (const row of yield* BatchDrive.insisting(Rows.adopted(ledger, id, owner, no, settings.grace))) {
          yield* begin(driver, lane, row, pace?.another ?? identity)
        }
        lanes.set(no, lane)
        running.alarm.unsafeOpen()
        yield* Deferred.await(lane.over)
      }),
    (lane) =>
      Effect.zipRight(
        Effect.sync(() => {
          if (lanes.get(no) === lane) lanes.delete(no)
        }),
        Scope.close(lane.scope, Exit.void)
      )
  )
}

export const make = (
  ledger: Ledger,
  record: BatchRecord,
  owner: string,
  runs: Runs
): Effect.Effect<Part, never, Scope.Scope> =>
  Effect.gen(function*() {
    const running = yield* BatchDrive.make(ledger, record, owner)
    const { rate } = record.settings
    const pace = rate === undefined
      ? undefined
      : Pace.make({
        rate,
        turns: (count) => BatchDrive.insisting(Limits.turns(ledger, String(record.id), 1_000_000 / rate, count)),
        isAnsweredAtOnce: runs.beginLooks !== true,
        alarm: running.alarm
      })
    const driver: Driver = {
      running,
      runs,
      pace,
      lanes: new Map(),
      claims: 0,
      live: new Set(),
      interrupted: new Set()
    }
    const heeding = Effect.forever(Effect.zipRight(Effect.sleep(heartbeat), BatchDrive.heed(running)))
    const failing = (error: BatchStoreError) =>
      Effect.forEach([...driver.lanes.values()], (lane) => Deferred.fail(lane.over, error), { discard: true })
    yield* Effect.forkScoped(Effect.catchAll(claiming(driver), failing))
    yield* Effect.forkScoped(Effect.catchAll(heeding, failing))
    return {
      lane: (no) => inLane(driver, no),
      renew: (next) =>
        Effect.sync(() => {
          if (next.generation < running.generation) return
          running.generation = next.generation
          running.isStopping = false
        }),
      stop: Effect.sync(() => {
        running.isStopping = true
        running.alarm.unsafeOpen()
      })
    }
  })
