/** The plan of a run of a batch. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { BatchPlan } from "@effect-noukai/batch/BatchStatus"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Effect from "effect/Effect"
import { plain, Terminal } from "../../terminal/Terminal.js"
import * as Ledger from "./ledger.js"
import type { Rows } from "./source.js"

/** Plans a batch, and counts the rows that a run would run: those of the source, and those in flight. */
export const planned = <Row>(batch: Batch.Batch<Row>, source: Rows, file: string) =>
  Effect.gen(function*() {
    const plan = yield* Batch.plan(batch, source)
    const live = yield* Ledger.live(batch.id)
    return { ...plan, toRun: plan.ready + (plan.known.pending ?? 0) + live }
  }).pipe(Effect.provide(BatchStore.layerFile(file)))

/** Says which rows are refused, and why: the first of them. */
export const refusals = ({ refused, refusedCount }: BatchPlan): Effect.Effect<void, never, Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    for (const { at, error } of refused) yield* terminal.note(plain(`${at}: ${error.message}`))
    if (refusedCount > refused.length) {
      yield* terminal.note(`and ${refusedCount - refused.length} more that are refused`)
    }
  })
