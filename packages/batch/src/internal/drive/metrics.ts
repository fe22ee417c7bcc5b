/** Counts of rows, for whoever watches a process. */
import type * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { SettledState } from "../../BatchRow.js"

const rows = Metric.counter("noukai_batch_rows_settled", { description: "Rows of batches that were settled" })

/** Counts a row that was settled. @internal */
export const settledRows = (batch: string, state: SettledState): Effect.Effect<void> =>
  Metric.update(rows.pipe(Metric.tagged("batch", batch), Metric.tagged("state", state)), 1)
