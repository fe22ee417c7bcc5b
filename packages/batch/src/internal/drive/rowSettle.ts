/** The end of a row, and the way on after a request that failed. */
import { stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowError } from "../../BatchRow.js"
import * as Money from "../money.js"
import { again, awaitListing, done, foundListed, isOver, type Next, reread, type Row, type Step, to } from "./row.js"
import { timedOut } from "./rowFollow.js"
import { type BatchDrive, pause, readsCosts, settle, type Settlement, stop, succeeded, unreachable } from "./running.js"
import { mayPass, type Verdict } from "./verdict.js"

/** The retries of reading the cost of a run. */
const costRetry = { times: 2, schedule: Schedule.exponential("800 millis", 4) }

/**
 * How long a request without an answer may still begin its run, in milliseconds: an overloaded server takes it from its
 * queue though its client is gone.
 */
const lateness = 30_000

/** Adds the duration of the run and, if the batch reads costs, its cost. */
const measured = ({ live, running, runs, sentAt }: Row, settled: Settlement): Effect.Effect<Settlement> =>
  Effect.gen(function*() {
    const { adopted, executionId } = settled
    const now = yield* Clock.currentTimeMillis
    // a request that found a run took less time than the run itself
    const seen = sentAt === undefined || adopted === true ? settled : { ...settled, durationMs: now - sentAt }
    if (!readsCosts(running)) return seen
    if (executionId === undefined) return { ...seen, costUsd: Money.unknown }
    // the row is done all the same
    const found = yield* Effect.option(Effect.retry(runs.measure(executionId, live), { ...costRetry, while: mayPass }))
    if (Option.isNone(found)) return { ...seen, costUsd: Money.unknown }
    const { costUsd, isKnown, isTimed, outputs, tokens, wallMs } = found.value
    if (isKnown) {
      running.costs.known++
      running.costs.total = BigDecimal.sum(running.costs.total, Money.parse(costUsd))
    }
    return {
      ...seen,
      costUsd: isKnown ? costUsd : Money.unknown,
      // 0 is the time of a fast run
      ...(isTimed && { durationMs: wallMs }),
      ...(tokens.prompt + tokens.completion + tokens.total > 0 && { tokens: JSON.stringify(tokens) }),
      ...(outputs !== undefined && { steps: stringifyJson(outputs) })
    }
  })

/** Frees the slot of a row while its end is stored. */
const withoutSlot = <A>(
  running: BatchDrive,
  effect: Effect.Effect<A, BatchStoreError>
): Effect.Effect<A, BatchStoreError> =>
  Effect.acquireUseRelease(
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

/**
 * Stores an end. The next row does not wait for that, unless the end may keep it from beginning, or as many ends wait as
 * there are slots: a crash would lose their results.
 */
const written = ({ live, running }: Row, settled: Settlement): Effect.Effect<boolean, BatchStoreError> =>
  Effect.suspend(() => {
    const { budgetUsd, concurrency } = running.record.settings
    const stored = settle(running, live, settled)
    return settled.state === "done" && budgetUsd === undefined && running.storing < concurrency
      ? withoutSlot(running, stored)
      : stored
  })

/** Stores the end of a row with its measurements. */
export const onEnded = (row: Row, { listing, settled }: Extract<Next, { readonly _tag: "ended" }>): Step =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    if (listing !== undefined) succeeded(row.running, now)
    const known = yield* measured(row, settled)
    // a row that was taken over is of this ledger, and so is its run
    const isTaken = yield* written(row, row.live.state === "uncertain" ? { ...known, adopted: false } : known)
    // after the result, which is stored nowhere else
    if (listing !== undefined) yield* listing.isListed ? foundListed(row) : awaitListing(row, listing.look, now)
    return isTaken ? done : reread
  })

/** The way on for a row after a request that failed. */
export type WayOn =
  /** It is pending. */
  | { readonly _tag: "again" }
  /** It stays in doubt for the next run of the batch. */
  | { readonly _tag: "keep" }
  /** It may have been sent until so many milliseconds from now: its run is looked for. */
  | { readonly _tag: "doubt"; readonly later: number }
  /** It ends. */
  | { readonly _tag: "failed"; readonly error: RowError }

/** The way on after a verdict, by whether a run of the row may exist, and by the grace of the batch in milliseconds. */
export const wayOn = (verdict: Verdict, mayRun: boolean, grace: number): WayOn => {
  switch (verdict._tag) {
    case "stop":
      return { _tag: mayRun ? "keep" : "again" }
    case "wait":
    case "unsent":
      return mayRun ? { _tag: "doubt", later: 0 } : { _tag: "again" }
    case "uncertain":
      return { _tag: "doubt", later: verdict.isUnanswered ? Math.max(0, lateness - grace) : 0 }
    case "running":
      return { _tag: "doubt", later: 0 }
    case "refused":
      return { _tag: "failed", error: verdict.error }
  }
}

/** Applies the part of a verdict that concerns all rows. */
const forAll = (row: Row, verdict: Verdict): Effect.Effect<void, BatchStoreError> => {
  switch (verdict._tag) {
    case "stop":
      return stop(row.running, verdict.stop)
    case "wait":
      return pause(row.running, verdict.seconds)
    case "unsent":
      return unreachable(row.running, verdict.message, undefined)
    case "uncertain":
      return unreachable(row.running, verdict.message, verdict.seconds)
    case "running":
      // it was found through its session
      return foundListed(row)
    case "refused":
      return Effect.void
  }
}

/** Continues after a request that failed. A row whose run exists, or may exist, stays in doubt. */
export const onRefused = (
  row: Row,
  { executionId, state, verdict }: Extract<Next, { readonly _tag: "refused" }>
): Step =>
  Effect.gen(function*() {
    const { live, running } = row
    yield* forAll(row, verdict)
    if (verdict._tag === "running") {
      const isLate = isOver(row, yield* Clock.currentTimeMillis)
      if (isLate && verdict.executionId !== undefined) return yield* timedOut(row, verdict.executionId, "running")
    }
    const mayRun = executionId !== undefined || state === "uncertain"
    const way = wayOn(verdict, mayRun, running.record.settings.grace)
    switch (way._tag) {
      case "again":
        return yield* again(row)
      case "keep":
        return yield* Effect.as(to(row, "uncertain"), done)
      case "doubt":
        return way
      case "failed": {
        const failed = { state: "failed", error: way.error } as const
        if (executionId !== undefined) return { _tag: "ended", settled: { ...failed, executionId } } as const
        return yield* Effect.as(settle(running, live, { ...failed, isRefused: !mayRun }), done)
      }
    }
  })
