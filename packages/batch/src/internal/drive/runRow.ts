/** A row from its intent to its end: one step after the other. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import * as Rows from "../ledger/rows.js"
import type { Turn } from "./pace.js"
import { awaitListing, type Next, type Row, type Step } from "./row.js"
import { onAbsent, onDoubt, onReconcile } from "./rowDoubt.js"
import { onFollow } from "./rowFollow.js"
import { onBegun, onIntent } from "./rowIntent.js"
import { onEnded, onRefused } from "./rowSettle.js"
import { type BatchDrive, insisting } from "./running.js"
import type { Runs } from "./runs.js"

const rowOf = (running: BatchDrive, runs: Runs, live: Rows.LiveRow, turn: Turn): Row => ({
  running,
  runs,
  live,
  turn,
  runningAt: live.runningAt,
  sentAt: undefined
})

/** The first step of a row, by its stored state. */
const first = (row: Row): Step => {
  const { live, runs } = row
  switch (live.state) {
    case "intent":
      return Effect.succeed({ _tag: "intent" })
    case "uncertain":
      return Effect.succeed({ _tag: "reconcile", sentBy: live.intentAt })
    case "submitted":
      return Effect.zipRight(
        awaitListing(row, runs.beginLooks ? undefined : runs.look(live), live.intentAt),
        Effect.map(
          Clock.currentTimeMillis,
          (now): Next => ({ _tag: "follow", executionId: live.executionId!, since: now })
        )
      )
  }
}

const step = (row: Row, next: Exclude<Next, { readonly _tag: "done" | "reread" }>): Step => {
  switch (next._tag) {
    case "intent":
      return onIntent(row)
    case "refused":
      return onRefused(row, next)
    case "begun":
      return onBegun(row, next)
    case "doubt":
      return onDoubt(row, next.later)
    case "reconcile":
      return onReconcile(row, next.sentBy)
    case "absent":
      return onAbsent(row)
    case "follow":
      return onFollow(row, next.executionId, next.since)
    case "ended":
      return onEnded(row, next)
  }
}

/**
 * Runs a row that this process has claimed or taken over, until it is settled or pending again, or another process has
 * it. It is sent in its turn.
 */
export const runRow = (
  running: BatchDrive,
  runs: Runs,
  live: Rows.LiveRow,
  turn: Turn
): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    let row = rowOf(running, runs, live, turn)
    let next = yield* first(row)
    while (next._tag !== "done") {
      if (next._tag !== "reread") {
        next = yield* step(row, next)
        continue
      }
      const found = yield* insisting(Rows.own(running.ledger, live.id, running.owner))
      if (found === undefined || found.attempt !== row.live.attempt) return
      row = rowOf(running, runs, found, turn)
      next = yield* first(row)
    }
  })
