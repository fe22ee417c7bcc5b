/** A row from its intent to its end. */
import type { NoukaiError } from "@effect-noukai/sdk"
import type { RunCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowError } from "../../BatchRow.js"
import { canaryHolds } from "../ledger/batches.js"
import * as Rows from "../ledger/rows.js"
import * as Money from "../money.js"
import type { Turn } from "./pace.js"
import {
  type BatchDrive,
  insisting,
  isUnreachable,
  mostLarge,
  pause,
  pollWait,
  readsCosts,
  settle,
  type Settlement,
  shortestWait,
  stop,
  succeeded,
  unknownStatus,
  unlisted,
  unreachable,
  untilPoll
} from "./running.js"
import { isAbsence, mayPass, ofFollowing, ofReading, ofSending, rowError, type Verdict } from "./verdict.js"

/** The finding of a look at the session of an attempt. */
export type Look =
  | { readonly _tag: "absent" }
  | { readonly _tag: "found"; readonly executionId: string }
  | { readonly _tag: "ended"; readonly settled: Settlement }

/** The outcome of a request that begins a run. */
export type BeginResult =
  /** The run continues and is polled. */
  | { readonly _tag: "submitted"; readonly executionId: string }
  | {
    readonly _tag: "ended"
    readonly settled: Settlement
    /** Whether it was found through its session. */
    readonly isListed: boolean
    /** A look at its session, where that is known. */
    readonly look?: Effect.Effect<Look, NoukaiError>
  }

/** The answer of a poll. A status that is not known counts as running. */
export type PollResult =
  | { readonly _tag: "pending" }
  | { readonly _tag: "running"; readonly unknown?: string }
  | { readonly _tag: "ended"; readonly settled: Settlement }

/** The amounts of a run, and the outputs of its steps that are kept. */
export interface RunMeasure extends Pick<RunCost, "costUsd" | "isKnown" | "tokens" | "wallMs"> {
  readonly outputs?: { readonly [stepId: string]: unknown }
}

/** How the runs of a batch are begun, found and followed. */
export interface Runs {
  /** A look at the session of an attempt. */
  readonly look: (row: Pick<Rows.LiveRow, "attempt" | "flow" | "key" | "version">) => Effect.Effect<Look, NoukaiError>
  /** Whether `begin` looks first and returns the run that it finds. It may then be repeated for a row that may have been sent. */
  readonly beginLooks?: true
  readonly begin: (
    row: Rows.LiveRow,
    input: string,
    timeout: Duration.DurationInput
  ) => Effect.Effect<BeginResult, BatchStoreError | NoukaiError>
  /** Polls of a run that was begun. */
  readonly follow: (
    executionId: string,
    row: Rows.LiveRow
  ) => Effect.Effect<Effect.Effect<PollResult, NoukaiError>, NoukaiError>
  /** The cost, time and tokens of a run that ended, and the outputs of its steps that are kept. */
  readonly measure: (executionId: string, row: Rows.LiveRow) => Effect.Effect<RunMeasure, NoukaiError>
}

const mebibytes = ({ inputBytes }: Rows.LiveRow): number => Math.min(mostLarge, Math.round(inputBytes / (1024 * 1024)))

type Step = Effect.Effect<void, BatchStoreError>

/** The time between two looks for a run that was found through its session, and for a free slot, in milliseconds. */
const [evidenceEvery, slotEvery] = [250, 50]

/**
 * The limit of a request that begins a run, and how long one that had no answer by then may still begin it, in
 * milliseconds: a server that is overloaded takes it from its queue though its client is gone.
 */
const [sendingLimit, lateness] = [30_000, 30_000]

/** How often a poll may fail for this row alone before it is reported. */
const pollFailures = 8

/** The retries of reading the cost of a run. */
const costRetry = { times: 2, schedule: Schedule.exponential("800 millis", 4) }

/**
 * Runs a row that this process has claimed or taken over, until it is settled, pending again, or another process's. It is
 * sent in its turn.
 */
export const runRow = (running: BatchDrive, runs: Runs, row: Rows.LiveRow, turn: Turn): Step => {
  const { settings: { adopt, grace, pendingTimeout = Infinity, rowTimeout = Infinity } } = running.record
  /** The first time at which its run was running. */
  let { runningAt } = row
  /** When its last request left this process. */
  let sentAt: number | undefined

  /** Moves a row without a known run to a state; false if its stored state has changed. */
  const to = (state: Rows.StoredState, fields: Partial<Rows.Transition> = {}) =>
    running.transit({ id: row.id, attempt: row.attempt, from: ["intent", "uncertain"], to: state, ...fields })

  const again = (fields?: Partial<Rows.Transition>): Step =>
    Effect.map(to("pending", { released: row.reserved, ...fields }), () => running.alarm.unsafeOpen())

  /** Ends a row whose outcome is not known. */
  const reports = (error: RowError, executionId?: string): Step =>
    Effect.asVoid(settle(running, row, { state: "reported", error, ...(executionId !== undefined && { executionId }) }))

  /** Continues from the state in the ledger, after another process changed it. */
  const reread: Step = Effect.suspend(() =>
    Effect.flatMap(
      insisting(Rows.own(running.ledger, row.id, running.owner)),
      (found) => found === undefined || found.attempt !== row.attempt ? Effect.void : runRow(running, runs, found, turn)
    )
  )

  const ended = (settled: Settlement): Step =>
    measured(settled).pipe(
      // a row that was taken over is of this ledger, and so is its run
      Effect.flatMap((known) => written(row.state === "uncertain" ? { ...known, adopted: false } : known)),
      Effect.flatMap((isTaken) => isTaken ? Effect.void : reread)
    )

  /**
   * Stores an end. The next row does not wait for that, unless the end may keep it from beginning, or as many ends wait as
   * there are slots: a crash would lose their results.
   */
  const written = (settled: Settlement): Effect.Effect<boolean, BatchStoreError> =>
    Effect.suspend(() => {
      const { budgetUsd, concurrency } = running.record.settings
      const stored = settle(running, row, settled)
      return settled.state === "done" && budgetUsd === undefined && running.storing < concurrency
        ? withoutSlot(running, stored)
        : stored
    })

  /** Adds the duration of the run and, if the batch reads costs, its cost. */
  const measured = (settled: Settlement): Effect.Effect<Settlement> =>
    Effect.gen(function*() {
      const { adopted, executionId } = settled
      const now = yield* Clock.currentTimeMillis
      // a request that found a run took less time than the run itself
      const seen = sentAt === undefined || adopted === true ? settled : { ...settled, durationMs: now - sentAt }
      if (!readsCosts(running)) return seen
      if (executionId === undefined) return { ...seen, costUsd: Money.unknown }
      // the row is done all the same
      const found = yield* Effect.option(Effect.retry(runs.measure(executionId, row), { ...costRetry, while: mayPass }))
      if (Option.isNone(found)) return { ...seen, costUsd: Money.unknown }
      const { costUsd, isKnown, outputs, tokens, wallMs } = found.value
      if (isKnown) {
        running.costs.known++
        running.costs.total = BigDecimal.sum(running.costs.total, Money.parse(costUsd))
      }
      return {
        ...seen,
        costUsd: isKnown ? costUsd : Money.unknown,
        ...(wallMs > 0 && { durationMs: wallMs }),
        ...(tokens.prompt + tokens.completion + tokens.total > 0 && { tokens: JSON.stringify(tokens) }),
        ...(outputs !== undefined && { steps: JSON.stringify(outputs) })
      }
    })

  // --- an intent

  const begun = (
    executionId: string,
    { adopted, isListed }: { readonly adopted: boolean; readonly isListed: boolean }
  ): Step =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      succeeded(running, now)
      if (!(yield* to("submitted", { executionId, adopted }))) return yield* reread
      yield* isListed ? holds : sing(Effect.suspend(() => runs.look(row)), now)
      yield* follow(executionId, now)
    })

  /** Stores that a run was found through its session. Only then does an empty session prove that nothing ran. */
  const holds: Step = Effect.suspend(() => {
    if (running.canary === "holds") return Effect.void
    running.canary = "holds"
    running.alarm.unsafeOpen()
    return insisting(canaryHolds(running.ledger, running.record.id))
  })

  /** Looks until the session can be read; nothing, when the batch is stopped before. */
  const readable = (
    look: Effect.Effect<Look, NoukaiError>,
    key = row.key
  ): Effect.Effect<Option.Option<Look>, BatchStoreError> =>
    Effect.catchAll(Effect.map(look, Option.some), (error) =>
      Effect.gen(function*() {
        const verdict = ofReading(error, key)
        if (verdict._tag === "stop") {
          yield* stop(running, verdict.stop)
          return Option.none()
        }
        const now = yield* Clock.currentTimeMillis
        yield* verdict._tag === "wait"
          ? pause(running, verdict.seconds)
          : unreachable(running, error.message, undefined)
        yield* Effect.sleep(Math.max(200, running.pausedUntil - now))
        return running.isStopping ? Option.none() : yield* readable(look, key)
      }))

  /** Looks for the run through its session, for as long as the server may take to list it, unless another run was found so. */
  const sing = (look: Effect.Effect<Look, NoukaiError> | undefined, begunAt: number): Step =>
    Effect.gen(function*() {
      while (look !== undefined && running.canary !== "holds" && !running.isStopping) {
        const seen = yield* readable(look)
        if (Option.isSome(seen) && seen.value._tag !== "absent") return yield* holds
        if ((yield* Clock.currentTimeMillis) > begunAt + grace) return yield* unlisted(running)
        yield* Effect.sleep(evidenceEvery)
      }
    })

  /** Continues after an error. A row whose run exists, or may exist, stays in doubt. */
  const refusedFor = (verdict: Verdict, executionId?: string, state = row.state): Step => {
    const mayRun = executionId !== undefined || state === "uncertain"
    switch (verdict._tag) {
      case "stop":
        return Effect.zipRight(stop(running, verdict.stop), mayRun ? Effect.asVoid(to("uncertain")) : again())
      case "wait":
        return Effect.zipRight(pause(running, verdict.seconds), mayRun ? doubt(0) : again())
      case "unsent":
        return Effect.zipRight(unreachable(running, verdict.message, undefined), mayRun ? doubt(0) : again())
      case "uncertain":
        return Effect.zipRight(
          unreachable(running, verdict.message, verdict.seconds),
          doubt(verdict.isUnanswered ? Math.max(0, lateness - grace) : 0)
        )
      case "running":
        // it was found through its session
        return Effect.gen(function*() {
          yield* holds
          const isLate = isOver(yield* Clock.currentTimeMillis)
          yield* isLate && verdict.executionId !== undefined ? timedOut(verdict.executionId, "running") : doubt(0)
        })
      case "refused":
        return executionId === undefined
          ? Effect.asVoid(settle(running, row, { state: "failed", error: verdict.error, isRefused: !mayRun }))
          : ended({ state: "failed", error: verdict.error, executionId })
    }
  }

  /** Sends with the input of the row: a large one is not in memory while the row waits, and few are at once. */
  const withInput = (
    use: (input: string) => Effect.Effect<Step, BatchStoreError>
  ): Effect.Effect<Step, BatchStoreError> => {
    if (row.input !== undefined) return use(row.input)
    const sending = Effect.flatMap(
      insisting(Rows.inputOf(running.ledger, row.id)),
      (input) => input === undefined ? Effect.succeed(Effect.void) : use(input)
    )
    // a request that waits for its run would keep others waiting as long
    return runs.beginLooks ? sending : running.large.withPermits(mebibytes(row))(sending)
  }

  const noted = Effect.tap(Clock.currentTimeMillis, (now) => sentAt = now)

  /** Sends the row and returns the next step. */
  const request = (input: string, as = row): Effect.Effect<Step> =>
    Effect.match(Effect.zipRight(noted, runs.begin(as, input, sendingLimit)), {
      onFailure: (error) =>
        error._tag === "BatchStoreError"
          ? Effect.fail(error)
          : refusedFor(ofSending(error, row.key), error.executionId, as.state),
      onSuccess: (outcome) => {
        if (outcome._tag === "submitted") return begun(outcome.executionId, { adopted: false, isListed: false })
        return Effect.gen(function*() {
          const now = yield* Clock.currentTimeMillis
          succeeded(running, now)
          // the result first: it is stored nowhere else
          yield* ended(outcome.settled)
          yield* outcome.isListed ? holds : sing(outcome.look, now)
        })
      }
    })

  /** Sends an intent that is young: another process may have given an old one up while this one was stopped. */
  const requestYoung = (input: string, intentAt: number): Effect.Effect<Step, BatchStoreError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      // the batch may have stopped or paused during the look-up or the wait for a turn
      running.isStopping || running.pausedUntil > now
        ? Effect.succeed(again())
        : now - intentAt <= grace / 2
        ? request(input)
        : Effect.flatMap(
          to("intent", { from: ["intent"], intentAt: now }),
          (isTaken) => isTaken ? requestYoung(input, now) : Effect.succeed(reread)
        ))

  const send: Step = Effect.flatten(turn(withInput((input) => requestYoung(input, row.intentAt))))

  const intent: Step = Effect.suspend(() =>
    adopt && !runs.beginLooks
      ? Effect.matchEffect(runs.look(row), {
        onFailure: (error) => refusedFor(ofReading(error, row.key)),
        onSuccess: (look) => {
          switch (look._tag) {
            case "absent":
              return send
            case "found":
              return begun(look.executionId, { adopted: true, isListed: true })
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
    Effect.gen(function*() {
      const intentAt = Math.ceil((yield* Clock.currentTimeMillis) + later)
      yield* (yield* to("uncertain", { intentAt })) ? reconcile(intentAt) : reread
    })

  const absent: Step = Effect.suspend(() => {
    if (running.canary === "holds") {
      return !runs.beginLooks
        ? again({ nextAttempt: row.attempt + 1 })
        // it looks and begins in one, and nothing is to begin any more
        : Effect.flatten(
          turn(
            withInput((input) =>
              running.isStopping ? Effect.succeed(Effect.void) : request(input, { ...row, state: "uncertain" })
            )
          )
        )
    }
    return Effect.flatMap(outOfSlot(running, inDoubt(running, hope)), (isThere) => {
      if (isThere) return absent
      // the next run of the batch knows more
      if (running.isStopping) return Effect.void
      return reports({
        kind: "RunNotFound",
        message:
          "it may have been sent, and no run is listed under its session; that proves nothing, since no run of " +
          "this batch was found through its session yet"
      })
    })
  })

  /** Waits until a run of the batch was found through its session; false when none can be. */
  const hope: Effect.Effect<boolean, BatchStoreError> = Effect.gen(function*() {
    while (running.canary !== "holds") {
      if (running.isStopping) return false
      const { isOpen, run } = yield* insisting(Rows.evidence(running.ledger, running.record.id))
      if (!isOpen || running.isPoor) {
        const seen = run === undefined ? Option.none() : yield* readable(runs.look(run), run.key)
        if (Option.isNone(seen) || seen.value._tag === "absent") return false
        yield* holds
      } else yield* Effect.sleep(evidenceEvery)
    }
    return true
  })

  /** Looks for the run of a row that may have been sent until a moment, a grace after it. In its slot: it may run. */
  const reconcile = (sentBy: number): Step =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const looked = Effect.suspend(() =>
        runs.beginLooks && running.canary === "holds"
          ? Effect.succeedSome<Look>({ _tag: "absent" })
          : readable(runs.look(row))
      )
      const seen = yield* inDoubt(running, Effect.delay(looked, Math.max(0, sentBy + grace - now)))
      if (Option.isNone(seen)) return
      const look = seen.value
      switch (look._tag) {
        case "absent":
          return yield* absent
        case "found":
          // a request gives its result, too
          return yield* runs.beginLooks
            ? Effect.zipRight(holds, absent)
            : begun(look.executionId, { adopted: false, isListed: true })
        case "ended":
          return yield* ended(look.settled)
      }
    })

  // --- a run that is known

  /** Whether its run, which is running, has been so for too long. */
  const isOver = (now: number): boolean => now - (runningAt ??= now) >= rowTimeout

  /** Leaves its run to the next run of the batch. Its reservation stays. */
  const timedOut = (executionId: string, status: "pending" | "running"): Step =>
    Effect.asVoid(to("timedOut", {
      from: ["intent", "uncertain", "submitted"],
      executionId,
      ...(runningAt !== undefined && { runningAt }),
      error: JSON.stringify({
        kind: "TimedOut",
        message: `its run ${executionId} is still ${status} after ${
          Duration.format(status === "running" ? rowTimeout : pendingTimeout)
        }; it goes on at the server, may be billed, and is asked for again by the next run of the batch`
      })
    }))

  /** How long a poll may wait without a limit being over before it, at least a moment. */
  const untilOver = (now: number, since: number): number =>
    Math.max(shortestWait, runningAt === undefined ? since + pendingTimeout - now : runningAt + rowTimeout - now)

  const follow = (executionId: string, since: number): Step =>
    Effect.gen(function*() {
      const found = yield* Effect.either(runs.follow(executionId, row))
      if (Either.isLeft(found)) return yield* reports(rowError(found.left), executionId)
      for (let [polls, failures] = [0, 0];; polls++) {
        const now = yield* Clock.currentTimeMillis
        yield* untilPoll(running, Math.min(pollWait(polls), untilOver(now, since)))
        const polled = yield* Effect.either(found.right)
        if (Either.isLeft(polled)) {
          const error = polled.left
          const verdict = ofFollowing(error, row.key)
          if (verdict._tag === "stop") return yield* stop(running, verdict.stop)
          if (isAbsence(error)) {
            const message = `its run ${executionId} was begun, and is not known to the server any more`
            return yield* reports({ ...rowError(error), kind: "RunNotFound", message }, executionId)
          }
          if (!mayPass(error) && failures >= pollFailures) return yield* reports(rowError(error), executionId)
          const isWait = verdict._tag === "wait"
          if (!isWait && isUnreachable(running, now)) {
            return yield* stop(running, { reason: "unreachable", message: error.message })
          }
          // nobody knows its status: it may be running
          if (isOver(now)) return yield* timedOut(executionId, "running")
          const seconds = isWait ? verdict.seconds : undefined
          if (isWait) yield* pause(running, seconds)
          const wait = seconds === undefined ? 250 * 2 ** Math.min(failures, 7) : seconds * 1000
          yield* Effect.sleep(Math.min(60_000, wait))
          failures++
          continue
        }
        failures = 0
        const status = polled.right
        const then = yield* Clock.currentTimeMillis
        succeeded(running, then)
        if (status._tag === "ended") return yield* ended(status.settled)
        const isRunning = status._tag === "running"
        if (isRunning && status.unknown !== undefined) yield* unknownStatus(running, status.unknown, executionId)
        if (isRunning ? isOver(then) : then - since >= pendingTimeout) return yield* timedOut(executionId, status._tag)
      }
    })

  switch (row.state) {
    case "intent":
      return intent
    case "uncertain":
      return reconcile(row.intentAt)
    case "submitted":
      return Effect.zipRight(
        sing(runs.beginLooks ? undefined : runs.look(row), row.intentAt),
        Effect.flatMap(Clock.currentTimeMillis, (now) => follow(row.executionId!, now))
      )
  }
}

/** Counts a row without a known run. */
const inDoubt = <A, E>(running: BatchDrive, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => running.uncertain++),
    () => effect,
    () => Effect.sync(() => running.uncertain--)
  )

/** Frees the slot of a row while its end is stored. */
function withoutSlot<A>(
  running: BatchDrive,
  effect: Effect.Effect<A, BatchStoreError>
): Effect.Effect<A, BatchStoreError> {
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      running.slots--
      running.storing++
      running.alarm.unsafeOpen()
    }),
    () => effect,
    () =>
      Effect.sync(() => {
        running.storing--
        // the driver frees the slot of the row
        running.slots++
      })
  )
}

/** Waits without the slot of its row, and then for a free one. */
function outOfSlot<A>(
  running: BatchDrive,
  effect: Effect.Effect<A, BatchStoreError>
): Effect.Effect<A, BatchStoreError> {
  return Effect.suspend(() => {
    let isOut = true
    running.slots--
    running.alarm.unsafeOpen()
    const back = Effect.gen(function*() {
      while (running.slots >= running.record.settings.concurrency && !running.isStopping) yield* Effect.sleep(slotEvery)
      running.slots++
      isOut = false
    })
    return Effect.zipLeft(effect, back).pipe(
      // the driver frees the slot of the row
      Effect.ensuring(Effect.sync(() => {
        if (isOut) running.slots++
      }))
    )
  })
}
