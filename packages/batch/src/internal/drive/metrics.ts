/** Numbers of batches, for whoever watches a process. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { SettledState } from "../../BatchRow.js"

const rows = Metric.counter("noukai_batch_rows_settled", { description: "Rows of batches that were settled" })

const spentUsd = Metric.counter("noukai_batch_spent_usd", {
  description: "What rows cost, in US dollars, or are taken to have cost"
})

const running = Metric.gauge("noukai_batch_rows_running", { description: "Rows in flight in this process" })

const uncertain = Metric.gauge("noukai_batch_rows_uncertain", {
  description: "Rows of this process that may have been sent, and of which no run is known"
})

/** Counts a row that was settled, and what it cost in billionths of a US dollar. @internal */
export const settledRow = (batch: string, state: SettledState, nanos: number): Effect.Effect<void> =>
  Effect.zipRight(
    Metric.update(rows.pipe(Metric.tagged("batch", batch), Metric.tagged("state", state)), 1),
    nanos === 0 ? Effect.void : Metric.update(spentUsd.pipe(Metric.tagged("batch", batch)), nanos / 1e9)
  )

/** Tells how many rows are under way here. @internal */
export const liveRows = (batch: string, slots: number, doubts: number): Effect.Effect<void> =>
  Effect.zipRight(
    Metric.set(running.pipe(Metric.tagged("batch", batch)), slots),
    Metric.set(uncertain.pipe(Metric.tagged("batch", batch)), doubts)
  )
