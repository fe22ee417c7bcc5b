/** A row that may have been sent: its run is looked for through its session. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BatchStoreError } from "../../BatchError.js"
import * as Rows from "../ledger/rows.js"
import {
  again,
  done,
  evidenceEvery,
  foundListed,
  inDoubt,
  readable,
  report,
  reread,
  type Row,
  type Step,
  to
} from "./row.js"
import { sendAgain } from "./rowIntent.js"
import { type BatchDrive, insisting } from "./running.js"
import type { Look } from "./runs.js"

/** The time between two looks for a free slot, in milliseconds. */
const slotEvery = 50

/** Stores that the row may have been sent until so many milliseconds from now. */
export const onDoubt = (row: Row, later: number): Step =>
  Effect.gen(function*() {
    const intentAt = Math.ceil((yield* Clock.currentTimeMillis) + later)
    return (yield* to(row, "uncertain", { intentAt })) ? { _tag: "reconcile", sentBy: intentAt } as const : reread
  })

/** Looks for the run of a row that may have been sent until a moment, a grace after it. It keeps its slot: it may run. */
export const onReconcile = (row: Row, sentBy: number): Step =>
  Effect.gen(function*() {
    const { live, running, runs } = row
    const now = yield* Clock.currentTimeMillis
    const looked = Effect.suspend(() =>
      runs.beginLooks && running.canary === "proven"
        ? Effect.succeedSome<Look>({ _tag: "absent" })
        : readable(row, runs.look(live))
    )
    const seen = yield* inDoubt(
      row,
      Effect.delay(looked, Math.max(0, sentBy + running.record.settings.grace - now))
    )
    if (Option.isNone(seen)) return done
    const look = seen.value
    switch (look._tag) {
      case "absent":
        return { _tag: "absent" } as const
      case "found": {
        if (!runs.beginLooks) {
          return { _tag: "begun", executionId: look.executionId, adopted: false, isListed: true } as const
        }
        // a request returns the result, too
        yield* foundListed(row)
        return { _tag: "absent" } as const
      }
      case "ended":
        return { _tag: "ended", settled: look.settled } as const
    }
  })

/** Begins a row anew that was not sent, once an empty session proves it. */
export const onAbsent = (row: Row): Step =>
  Effect.suspend((): Step => {
    const { live, running, runs } = row
    if (running.canary === "proven") {
      return runs.beginLooks ? sendAgain(row) : again(row, { nextAttempt: live.attempt + 1 })
    }
    return Effect.flatMap(outOfSlot(running, inDoubt(row, awaitEvidence(row))), (isThere): Step => {
      if (isThere) return Effect.succeed({ _tag: "absent" })
      // the next run of the batch knows more
      if (running.isStopping) return Effect.succeed(done)
      return report(row, {
        kind: "RunNotFound",
        message:
          "it may have been sent, and no run is listed under its session; that proves nothing, since no run of " +
          "this batch was found through its session yet"
      })
    })
  })

/** Waits until a run of the batch was found through its session; false when none can be. */
const awaitEvidence = (row: Row): Effect.Effect<boolean, BatchStoreError> =>
  Effect.gen(function*() {
    const { running, runs } = row
    while (running.canary !== "proven") {
      if (running.isStopping) return false
      const { isOpen, run } = yield* insisting(Rows.evidence(running.ledger, running.record.id))
      if (!isOpen || running.isPoor) {
        const seen = run === undefined ? Option.none() : yield* readable(row, runs.look(run), run.key)
        if (Option.isNone(seen) || seen.value._tag === "absent") return false
        yield* foundListed(row)
      } else yield* Effect.sleep(evidenceEvery)
    }
    return true
  })

/** Waits without the slot of its row, and then for a free one. */
const outOfSlot = <A>(
  running: BatchDrive,
  effect: Effect.Effect<A, BatchStoreError>
): Effect.Effect<A, BatchStoreError> =>
  Effect.suspend(() => {
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
