/** A row in flight in this process, and the transitions that all its steps share. */
import type { NoukaiError } from "@effect-noukai/sdk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowError } from "../../BatchRow.js"
import { canaryProven } from "../ledger/batches.js"
import type * as Rows from "../ledger/rows.js"
import type { Turn } from "./pace.js"
import { type BatchDrive, insisting, pause, settle, type Settlement, stop, unlisted, unreachable } from "./running.js"
import type { Look, Runs } from "./runs.js"
import { ofReading, type Verdict } from "./verdict.js"

export interface Row {
  readonly running: BatchDrive
  readonly runs: Runs
  /** The row as this process read it from the ledger. */
  readonly live: Rows.LiveRow
  /** The wait for its turn to be sent. */
  readonly turn: Turn
  /** The first time at which its run was running. */
  runningAt: number | undefined
  /** The time at which its last request left this process. */
  sentAt: number | undefined
}

/** The next step of a row. */
export type Next =
  /** The row is settled, or another process has it, or the next run of the batch continues with it. */
  | { readonly _tag: "done" }
  /** Another process changed the row: the stored state says how to continue. */
  | { readonly _tag: "reread" }
  | { readonly _tag: "intent" }
  /** A request for the row failed, in this state of the row. */
  | {
    readonly _tag: "refused"
    readonly verdict: Verdict
    readonly state: Rows.LiveRow["state"]
    readonly executionId?: string | undefined
  }
  | { readonly _tag: "begun"; readonly executionId: string; readonly adopted: boolean; readonly isListed: boolean }
  /** The row may have been sent until so many milliseconds from now. */
  | { readonly _tag: "doubt"; readonly later: number }
  /** The row may have been sent until a moment. */
  | { readonly _tag: "reconcile"; readonly sentBy: number }
  /** No run is listed under the session of the row. */
  | { readonly _tag: "absent" }
  | { readonly _tag: "follow"; readonly executionId: string; readonly since: number }
  | {
    readonly _tag: "ended"
    readonly settled: Settlement
    /** How the run can be seen in its session, after a request. */
    readonly listing?: { readonly isListed: boolean; readonly look: Effect.Effect<Look, NoukaiError> | undefined }
  }

export type Step = Effect.Effect<Next, BatchStoreError>

export const done: Next = { _tag: "done" }

export const reread: Next = { _tag: "reread" }

export const isBeyond = (limit: number | undefined, ms: number): boolean => limit !== undefined && ms >= limit

/** Whether its run, which is running, has been so for too long. */
export const isOver = (row: Row, now: number): boolean =>
  isBeyond(row.running.record.settings.rowTimeout, now - (row.runningAt ??= now))

/** Moves a row without a known run to a state; false if its stored state has changed. */
export const to = (
  { live, running }: Row,
  state: Rows.StoredState,
  fields: Partial<Rows.Transition> = {}
): Effect.Effect<boolean, BatchStoreError> =>
  running.transit({ id: live.id, attempt: live.attempt, from: ["intent", "uncertain"], to: state, ...fields })

/** Makes a row pending again. */
export const again = (row: Row, fields?: Partial<Rows.Transition>): Step =>
  Effect.map(to(row, "pending", { released: row.live.reserved, ...fields }), () => {
    row.running.alarm.unsafeOpen()
    return done
  })

/** Ends a row whose outcome is not known. */
export const report = ({ live, running }: Row, error: RowError, executionId?: string): Step =>
  Effect.as(
    settle(running, live, { state: "reported", error, ...(executionId !== undefined && { executionId }) }),
    done
  )

/** Stores that a run was found through its session. Only then does an empty session prove that nothing ran. */
export const foundListed = ({ running }: Row): Effect.Effect<void, BatchStoreError> =>
  Effect.suspend(() => {
    if (running.canary === "proven") return Effect.void
    running.canary = "proven"
    running.alarm.unsafeOpen()
    return insisting(canaryProven(running.ledger, running.record.id))
  })

/** Looks until the session can be read. `None` if the batch is stopped before. */
export const readable = (
  row: Row,
  look: Effect.Effect<Look, NoukaiError>,
  key = row.live.key
): Effect.Effect<Option.Option<Look>, BatchStoreError> =>
  Effect.catchAll(Effect.map(look, Option.some), (error) =>
    Effect.gen(function*() {
      const { running } = row
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
      return running.isStopping ? Option.none() : yield* readable(row, look, key)
    }))

/** The time between two looks for a run that was found through its session, in milliseconds. */
export const evidenceEvery = 250

/**
 * Looks for a run through its session, for as long as the server may take to list it. Skipped if a run of the batch was
 * found so before.
 */
export const awaitListing = (
  row: Row,
  look: Effect.Effect<Look, NoukaiError> | undefined,
  begunAt: number
): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    const { running } = row
    while (look !== undefined && running.canary !== "proven" && !running.isStopping) {
      const seen = yield* readable(row, look)
      if (Option.isSome(seen) && seen.value._tag !== "absent") return yield* foundListed(row)
      if ((yield* Clock.currentTimeMillis) > begunAt + running.record.settings.grace) return yield* unlisted(running)
      yield* Effect.sleep(evidenceEvery)
    }
  })

/** Counts a row without a known run. */
export const inDoubt = <A, E>({ running }: Row, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => running.uncertain++),
    () => effect,
    () => Effect.sync(() => running.uncertain--)
  )
