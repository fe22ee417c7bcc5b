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
import type { BatchRecord } from "../ledger/batches.js"
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

export const make = (
  ledger: Ledger,
  record: BatchRecord,
  owner: string,
  runs: Runs
): Effect.Effect<Part, never, Scope.Scope> =>
  Effect.gen(function*() {
    const running = yield* BatchDrive.make(ledger, record, owner)
    const { settings } = record
    const { budgetUsd, concurrency, fleetConcurrency, grace, lanes: laneCount, maxCostUsd = Money.none, rate } =
      settings
    const shareOf = (no: number): number =>
      fleetConcurrency === undefined
        ? Infinity
        : Math.floor(fleetConcurrency / laneCount) + (no < fleetConcurrency % laneCount ? 1 : 0)
    const scope = yield* Effect.scope
    const lanes = new Map<number, Lane>()
    let claims = 0
    /** The rows that run here, those of lanes that are just being given up included. */
    const live = new Set<number>()
    /** Rows that were interrupted here: they may have been sent. */
    const interrupted = new Set<number>()

    const pace = rate === undefined
      ? undefined
      : Pace.make({
        rate,
        turns: (count) => BatchDrive.insisting(Limits.turns(ledger, String(record.id), 1_000_000 / rate, count)),
        isAnsweredAtOnce: runs.beginLooks !== true,
        alarm: running.alarm
      })

    /** Begins a row, and sends it in its turn. */
    const begin = (lane: Lane, row: Rows.LiveRow, turn: Pace.Turn): Effect.Effect<void> =>
      Effect.suspend(() => {
        lane.rows++
        running.slots++
        live.add(row.id)
        // a lane that has ended interrupts it before it begins; its slot is freed all the same
        return Effect.uninterruptible(Effect.forkIn(
          Effect.interruptible(runRow(running, runs, row, turn)).pipe(
            Effect.onExit((exit) =>
              Effect.zipRight(
                Effect.sync(() => {
                  lane.rows--
                  running.slots--
                  live.delete(row.id)
                  pace?.arrived(row.id)
                  if (Exit.isSuccess(exit)) interrupted.delete(row.id)
                  else interrupted.add(row.id)
                  running.alarm.unsafeOpen()
                }),
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
    const estimate = (): BigDecimal.BigDecimal => {
      const { known, total } = running.costs
      if (known < 10) return maxCostUsd
      const average = BigDecimal.unsafeDivide(total, BigDecimal.make(BigInt(known), 0))
      return BigDecimal.min(maxCostUsd, BigDecimal.ceil(BigDecimal.multiply(average, room), 12))
    }

    /** The lane of the next claim: the next one that may have more rows in flight. */
    const nextLane = (least = 0): Lane | undefined => {
      const all = [...lanes.values()]
      for (let tried = 0; tried < all.length; tried++) {
        const lane = all[claims++ % all.length]!
        if (Math.max(lane.share - lane.rows, least) > 0) return lane
      }
      return undefined
    }

    /** Waits until a moment, or until no more rows are to be begun here. */
    const until = (moment: number): Effect.Effect<void> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (running.isStopping || now >= moment) return Effect.void
        running.alarm.unsafeClose()
        return Effect.zipRight(awaken(running, moment - now), Effect.suspend(() => until(moment)))
      })

    const claim = (lane: Lane, wanted: number): Effect.Effect<number | "poor", BatchStoreError> =>
      Effect.gen(function*() {
        const turns = pace === undefined ? undefined : yield* pace.take(wanted)
        const count = turns?.count ?? wanted
        if (turns !== undefined) yield* until(turns.claimAt)
        if (running.isStopping) return 0
        const reserved = budgetUsd === undefined ? Money.none : estimate()
        const found = yield* BatchDrive.insisting(Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const claim = {
            batch: record.id,
            generation: running.generation,
            owner,
            lane: lane.no,
            count,
            now,
            reserved,
            ...(running.canary !== "holds" && { aloneFor: grace })
          }
          return budgetUsd === undefined
            ? Effect.asSome(Rows.claim(ledger, claim))
            : Rows.claimWithin(ledger, claim, budgetUsd)
        }))
        if (Option.isNone(found)) return "poor"
        const rows = found.value
        for (const [nth, row] of rows.entries()) {
          yield* begin(lane, row, turns === undefined ? identity : turns.turn(nth, row))
        }
        return rows.length
      })

    /** Reserves slots during a claim, so that returning rows cannot take them. */
    const claimed = (lane: Lane, wanted: number): Effect.Effect<number | "poor", BatchStoreError> =>
      Effect.acquireUseRelease(
        Effect.sync(() => running.slots += wanted),
        () => claim(lane, wanted),
        () => Effect.sync(() => running.slots -= wanted)
      )

    const over: Effect.Effect<void> = Effect.suspend(() => {
      const without = [...lanes.values()].filter(({ rows }) => rows === 0)
      return Effect.forEach(without, ({ over }) => Deferred.succeed(over, void 0), { discard: true })
    })

    const isQuiet = () => [...lanes.values()].every((lane) => lane.rows === 0)

    /**
     * Takes up rows of claims with a lost response, and rows of lanes that returned before another process had them.
     * Returns whether there were any.
     */
    const strays: Effect.Effect<boolean, BatchStoreError> = Effect.gen(function*() {
      const rows = yield* BatchDrive.insisting(Rows.strayed(ledger, record.id, owner))
      if (!isQuiet()) return true
      for (const row of rows) {
        if (live.has(row.id)) continue
        const lane = lanes.get(row.lane) ?? nextLane(1)
        if (lane === undefined) continue
        const mayBeSent = row.state === "intent" && interrupted.has(row.id)
        yield* begin(
          lane,
          mayBeSent ? { ...row, state: "uncertain", intentAt: row.intentAt + grace } : row,
          pace?.another ?? identity
        )
      }
      return rows.length > 0
    })

    /** Claims rows for free slots, over and over. */
    const claiming: Effect.Effect<void, BatchStoreError> = Effect.gen(function*() {
      while (true) {
        // an alarm from here on ends the wait below
        running.alarm.unsafeClose()
        const now = yield* Clock.currentTimeMillis
        // until a run was found through its session, no more than one row may be in doubt
        const isFirst = running.canary !== "holds"
        const free = Math.min((isFirst ? 1 : concurrency) - running.slots, pace?.room() ?? Infinity)
        if (lanes.size === 0) yield* awaken(running, heartbeat)
        else if (running.isStopping) {
          yield* over
          yield* awaken(running, idle)
        } else if (running.pausedUntil > now) yield* awaken(running, Math.min(heartbeat, running.pausedUntil - now))
        else if (free <= 0) yield* awaken(running, heartbeat)
        else {
          // rows that wait for the first one have no run, and keep their places in their lanes
          const lane = nextLane(isFirst ? 1 : 0)
          if (lane === undefined) {
            // lanes without a share end at once
            if (isQuiet() && !(yield* strays)) yield* over
            yield* awaken(running, idle)
            continue
          }
          const wanted = Math.min(free, Math.max(lane.share - lane.rows, 1))
          const begun = yield* claimed(lane, wanted)
          if (running.isStopping) continue
          running.isPoor = begun === "poor" && running.slots === 0
          if (begun === "poor") {
            if (isQuiet() && !(yield* strays)) {
              const left = yield* BatchDrive.insisting(Rows.left(ledger, record.id))
              if (!left.isPending) yield* over
              // rows in flight elsewhere may release part of their reservations
              else if (!left.isLive) {
                yield* BatchDrive.stop(running, {
                  reason: "budget",
                  message: "the budget does not allow for another row; raise it and run the batch again"
                })
              }
            }
            yield* awaken(running, idle)
          } else if (begun === 0) {
            const left = yield* BatchDrive.insisting(Rows.left(ledger, record.id))
            // rows wait for their next attempt, or for the first row, which another process may have
            if (left.isPending) yield* BatchDrive.due(running)
            else if (isQuiet() && !(yield* strays)) yield* over
            yield* awaken(running, idle)
          } else {
            // more slots come free, and one claim has rows for them all
            yield* BatchDrive.lingering
          }
        }
      }
    })

    const heeding = Effect.forever(Effect.zipRight(Effect.sleep(heartbeat), BatchDrive.heed(running)))

    const failing = (error: BatchStoreError) =>
      Effect.forEach([...lanes.values()], (lane) => Deferred.fail(lane.over, error), { discard: true })

    yield* Effect.forkIn(Effect.catchAll(claiming, failing), scope)
    yield* Effect.forkIn(Effect.catchAll(heeding, failing), scope)

    const lane = (no: number): Effect.Effect<void, BatchStoreError> =>
      Effect.acquireUseRelease(
        Effect.gen(function*() {
          const lane: Lane = {
            no,
            scope: yield* Scope.make(),
            over: yield* Deferred.make<void, BatchStoreError>(),
            share: shareOf(no),
            rows: 0
          }
          return lane
        }),
        (lane) =>
          Effect.gen(function*() {
            for (const row of yield* BatchDrive.insisting(Rows.adopted(ledger, record.id, owner, no, grace))) {
              yield* begin(lane, row, pace?.another ?? identity)
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

    return {
      lane,
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
