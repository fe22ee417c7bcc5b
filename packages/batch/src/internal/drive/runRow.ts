/** A row from its intent to its end. */
import type { NoukaiError } from "@effect-noukai/sdk"
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { BatchStoreError } from "../../BatchError.js"
import { canaryHolds } from "../ledger/batches.js"
import * as Rows from "../ledger/rows.js"
import * as Money from "../money.js"
import type { Turn } from "./pace.js"
import {
  insisting,
  isUnreachable,
  pause,
  readsCosts,
  type Running,
  settle,
  type Settled,
  stop,
  succeeded,
  unreachable
} from "./running.js"
import { ofReading, ofSending, rowError, type Verdict } from "./verdict.js"

/** The finding of a look at the session of an attempt. @internal */
export type Look =
  | { readonly _tag: "absent" }
  | { readonly _tag: "found"; readonly executionId: string }
  | { readonly _tag: "ended"; readonly settled: Settled }

/** The outcome of a request that begins a run. @internal */
export type Begun =
  /** The run goes on, and is asked for. */
  | { readonly _tag: "submitted"; readonly executionId: string }
  | { readonly _tag: "ended"; readonly settled: Settled }

/** The answer of a poll. @internal */
export type Polled = { readonly _tag: "running" } | { readonly _tag: "ended"; readonly settled: Settled }

/** How the runs of a batch are begun, found and followed. @internal */
export interface Runs {
  /** Whether `begin` looks first, and gives what it finds: then it may be asked again for a row that may have been sent. */
  readonly looksByItself: boolean
  /** Whether the session of an attempt is listed. */
  readonly look: (row: Pick<Rows.LiveRow, "id" | "key" | "attempt">) => Effect.Effect<Look, NoukaiError>
  readonly begin: (row: Rows.LiveRow, timeout: Duration.DurationInput) => Effect.Effect<Begun, NoukaiError>
  /** Polls of a run that was begun. */
  readonly follow: (executionId: string) => Effect.Effect<Effect.Effect<Polled, NoukaiError>, NoukaiError>
  /** The cost of a run that ended, in US dollars as decimal text. */
  readonly cost: (executionId: string) => Effect.Effect<string | undefined, NoukaiError>
}

type Step = Effect.Effect<void, BatchStoreError>

/** The time between two looks for a run that was found through its session, in milliseconds. */
const evidenceEvery = 250

/**
 * The limit of a request that begins a run, and how long one that had no answer by then may still begin it, in
 * milliseconds: a server that is overloaded takes it from its queue though its client is gone.
 */
const [sendingLimit, lateness] = [30_000, 30_000]

/** How often a poll may fail for this row alone before it is reported. */
const pollFailures = 8

/** How often the cost of a run is asked for. */
const costAttempts = 3

/**
 * Runs a row that this process has claimed or taken over, until it is settled, pending again, or another process's. It is
 * sent in its turn.
 *
 * @internal
 */
export const runRow = (running: Running, runs: Runs, row: Rows.LiveRow, turn: Turn): Step => {
  const { settings: { adopt, grace } } = running.record

  const again = (fields: Partial<Rows.Transition> = {}): Step =>
    Effect.map(
      running.transit({
        id: row.id,
        attempt: row.attempt,
        from: ["intent", "uncertain"],
        to: "pending",
        released: row.reserved,
        ...fields
      }),
      () => running.alarm.ring()
    )

  /** Goes on with what the ledger says, after another process has changed it. */
  const reread: Step = Effect.flatMap(
    insisting(Rows.own(running.ledger, row.id, running.owner)),
    (found) => found === undefined || found.attempt !== row.attempt ? Effect.void : runRow(running, runs, found, turn)
  )

  const ended = (settled: Settled): Step =>
    Effect.flatMap(
      priced(settled),
      (known) => Effect.flatMap(settle(running, row, known), (isTaken) => isTaken ? Effect.void : reread)
    )

  /** Adds what the run cost, where that is asked for. */
  const priced = (settled: Settled): Effect.Effect<Settled> => {
    const { executionId } = settled
    if (!readsCosts(running) || executionId === undefined) return Effect.succeed(settled)
    const read = (attempt: number): Effect.Effect<Option.Option<string>> =>
      Effect.catchAll(
        Effect.map(runs.cost(executionId), Option.fromNullable),
        (error) =>
          attempt < costAttempts && (error.isRetryable || error._tag === "RateLimitError")
            ? Effect.delay(Effect.suspend(() => read(attempt + 1)), 200 * 4 ** attempt)
            // the row is done all the same
            : Effect.succeed(Option.none())
      )
    return Effect.map(read(1), (found) => {
      if (Option.isNone(found)) return { ...settled, costUsd: Rows.unknownCost }
      const costUsd = found.value
      running.costs.known++
      running.costs.total = BigDecimal.sum(running.costs.total, Money.parse(costUsd))
      return { ...settled, costUsd }
    })
  }

  const stopped = (verdict: Extract<Verdict, { _tag: "stop" }>): Step =>
    Effect.zipRight(stop(running, verdict.stop), row.state === "submitted" ? Effect.void : again())

  // --- an intent

  const begun = (executionId: string, adopted: boolean): Step =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      succeeded(running, now)
      return Effect.flatMap(
        running.transit({
          id: row.id,
          attempt: row.attempt,
          from: ["intent", "uncertain"],
          to: "submitted",
          executionId,
          adopted
        }),
        (isTaken) =>
          isTaken
            ? Effect.zipRight(sing, follow(executionId, now))
            : reread
      )
    })

  /** Keeps that a run is found through its session: only then is an absence evidence. */
  const sing: Step = Effect.suspend(() => {
    if (running.canary !== "unknown") return Effect.void
    running.canary = "asked"
    return Effect.flatMap(
      Effect.option(runs.look(row)),
      (found) => Option.isSome(found) && found.value._tag !== "absent" ? holds : Effect.void
    ).pipe(Effect.ensuring(Effect.sync(() => {
      if (running.canary === "asked") running.canary = "unknown"
    })))
  })

  const holds: Step = Effect.suspend(() => {
    running.canary = "holds"
    return insisting(canaryHolds(running.ledger, running.record.id))
  })

  const refusedFor = (verdict: Verdict): Step => {
    switch (verdict._tag) {
      case "stop":
        return stopped(verdict)
      case "wait":
        return Effect.zipRight(pause(running, verdict.seconds), again())
      case "unsent":
        return Effect.zipRight(unreachable(running, verdict.message, undefined), again())
      case "uncertain":
        return Effect.zipRight(
          unreachable(running, verdict.message, verdict.seconds),
          doubt(verdict.isUnanswered ? Math.max(0, lateness - grace) : 0)
        )
      case "running":
        // it was found through its session
        return Effect.zipRight(running.canary === "holds" ? Effect.void : holds, doubt(0))
      case "refused":
        return Effect.asVoid(settle(running, row, { state: "failed", error: verdict.error }))
    }
  }

  /** Sends the row, and tells what to do then. */
  const request: Effect.Effect<Step> = Effect.match(Effect.suspend(() => runs.begin(row, sendingLimit)), {
    onFailure: (error) => refusedFor(ofSending(error)),
    onSuccess: (outcome) => {
      if (outcome._tag === "submitted") return begun(outcome.executionId, false)
      return Effect.zipRight(
        Effect.map(Clock.currentTimeMillis, (then) => succeeded(running, then)),
        Effect.zipRight(sing, ended(outcome.settled))
      )
    }
  })

  /** Sends an intent that is young: another process may have given an old one up while this one was stopped. */
  const requestYoung = (intentAt: number): Effect.Effect<Step, BatchStoreError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      // what came to pass while it was looked up, or waited for its turn
      running.isStopping || running.pausedUntil > now
        ? Effect.succeed(again())
        : now - intentAt <= grace / 2
        ? request
        : Effect.flatMap(
          running.transit({ id: row.id, attempt: row.attempt, from: ["intent"], to: "intent", intentAt: now }),
          (isTaken) => isTaken ? requestYoung(now) : Effect.succeed(reread)
        ))

  const send: Step = Effect.flatten(turn(Effect.suspend(() => requestYoung(row.intentAt))))

  const intent: Step = Effect.suspend(() =>
    adopt && !runs.looksByItself
      ? Effect.matchEffect(runs.look(row), {
        onFailure: (error) => refusedFor(ofReading(error)),
        onSuccess: (look) => {
          switch (look._tag) {
            case "absent":
              return send
            case "found":
              return begun(look.executionId, true)
            case "ended":
              return ended({ ...look.settled, adopted: true })
          }
        }
      })
      : send
  )

  // --- a row that may have been sent

  /** Keeps that the row may have been sent until so many milliseconds from now, and looks for its run a grace later. */
  const doubt = (later: number): Step =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const intentAt = Math.ceil(now + later)
      return Effect.flatMap(
        running.transit({ id: row.id, attempt: row.attempt, from: ["intent", "uncertain"], to: "uncertain", intentAt }),
        (isTaken) => isTaken ? reconcile(intentAt) : reread
      )
    })

  const absent: Step = Effect.suspend(() =>
    running.canary === "holds"
      ? !runs.looksByItself
        ? again({ nextAttempt: row.attempt + 1 })
        // it looks and begins in one, and nothing is to begin any more
        : Effect.flatten(turn(Effect.suspend(() => running.isStopping ? Effect.succeed(Effect.void) : request)))
      : outOfSlot(running, hope).pipe(Effect.flatMap((isThere) => {
        if (isThere) return absent
        // the next run of the batch knows more
        if (running.isStopping) return Effect.void
        return Effect.asVoid(settle(running, row, {
          state: "reported",
          error: {
            kind: "RunNotFound",
            message: runs.looksByItself
              ? "it may have been sent, and was not sent again, since no run of this batch was found through its session yet"
              : "it may have been sent, and no run is listed under its session; that proves nothing, since no run of this " +
                "batch was found through its session yet"
          }
        }))
      }))
  )

  /** Waits until a run of the batch was found through its session; false when none can be. */
  const hope: Effect.Effect<boolean, BatchStoreError> = Effect.gen(function*() {
    while (running.canary !== "holds") {
      const { isOpen, run } = yield* insisting(Rows.evidence(running.ledger, running.record.id))
      if (run !== undefined && !runs.looksByItself) {
        const seen = yield* Effect.either(runs.look(run))
        if (Either.isRight(seen) && seen.right._tag === "absent") return false
        if (Either.isRight(seen)) {
          running.canary = "holds"
          yield* insisting(canaryHolds(running.ledger, running.record.id))
        }
      } else if (!isOpen || running.isPoor) return false
      if (running.isStopping) return false
      yield* Effect.sleep(evidenceEvery)
    }
    return true
  })

  const absence: Effect.Effect<Look> = Effect.succeed({ _tag: "absent" })

  /** Looks until the session can be read; nothing, when the batch is stopped before. */
  const found = (sentBy: number): Effect.Effect<Option.Option<Look>, BatchStoreError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.zipRight(
        Effect.sleep(Math.max(0, sentBy + grace - now)),
        Effect.catchAll(Effect.map(runs.looksByItself ? absence : runs.look(row), Option.some), (error) => {
          const verdict = ofReading(error)
          if (verdict._tag === "stop") return Effect.as(stop(running, verdict.stop), Option.none())
          const pausing = verdict._tag === "wait"
            ? pause(running, verdict.seconds)
            : unreachable(running, error.message, undefined)
          return pausing.pipe(
            Effect.zipRight(Effect.suspend(() => Effect.sleep(Math.max(200, running.pausedUntil - now)))),
            Effect.flatMap(() => running.isStopping ? Effect.succeed(Option.none()) : found(sentBy))
          )
        })
      ))

  const reconcile = (sentBy: number): Step =>
    // without a slot: nothing is known to run, and a server in trouble would fill them all
    Effect.flatMap(outOfSlot(running, found(sentBy)), (seen) => {
      if (Option.isNone(seen)) return Effect.void
      const look = seen.value
      switch (look._tag) {
        case "absent":
          return absent
        case "found":
          return begun(look.executionId, false)
        case "ended":
          return ended(look.settled)
      }
    })

  // --- a run that is known

  const follow = (executionId: string, since: number): Step =>
    Effect.matchEffect(runs.follow(executionId), {
      onFailure: (error) =>
        Effect.asVoid(settle(running, row, { state: "reported", executionId, error: rowError(error) })),
      onSuccess: (poll) => following(poll, executionId, since, 0, 0)
    })

  const following = (
    poll: Effect.Effect<Polled, NoukaiError>,
    executionId: string,
    since: number,
    polls: number,
    failures: number
  ): Step =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.zipRight(
        Effect.sleep(running.polls.next(polls, now - since)),
        Effect.matchEffect(poll, {
          onFailure: (error) => {
            const verdict = ofReading(error)
            if (verdict._tag === "stop") return stop(running, verdict.stop)
            if (error._tag === "FlowNotFoundError" || error.statusCode === 404) {
              return Effect.asVoid(settle(running, row, {
                state: "reported",
                executionId,
                error: {
                  ...rowError(error),
                  kind: "RunNotFound",
                  message: `its run ${executionId} was begun, and is not known to the server any more`
                }
              }))
            }
            if (!error.isRetryable && error._tag !== "RateLimitError" && failures >= pollFailures) {
              return Effect.asVoid(settle(running, row, { state: "reported", executionId, error: rowError(error) }))
            }
            if (verdict._tag !== "wait" && isUnreachable(running, now)) {
              return stop(running, { reason: "unreachable", message: error.message })
            }
            const seconds = verdict._tag === "wait" ? verdict.seconds : undefined
            const wait = Math.min(60_000, seconds === undefined ? 250 * 2 ** Math.min(failures, 7) : seconds * 1000)
            return Effect.zipRight(
              verdict._tag === "wait" ? pause(running, seconds) : Effect.void,
              Effect.delay(Effect.suspend(() => following(poll, executionId, since, polls + 1, failures + 1)), wait)
            )
          },
          onSuccess: (polled) =>
            Effect.flatMap(Clock.currentTimeMillis, (then) => {
              succeeded(running, then)
              if (polled._tag === "running") return following(poll, executionId, since, polls + 1, 0)
              running.polls.ended(polls + 1, then - since)
              return ended(polled.settled)
            })
        })
      ))

  switch (row.state) {
    case "intent":
      return intent
    case "uncertain":
      return Effect.suspend(() => reconcile(row.intentAt))
    case "submitted":
      return Effect.flatMap(Clock.currentTimeMillis, (now) => follow(row.executionId!, now))
  }
}

/** Runs without the slot of its row. */
const outOfSlot = <A>(running: Running, effect: Effect.Effect<A, BatchStoreError>): Effect.Effect<A, BatchStoreError> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      running.slots--
      running.uncertain++
      running.alarm.ring()
    }),
    () => effect,
    () =>
      Effect.sync(() => {
        running.slots++
        running.uncertain--
      })
  )
