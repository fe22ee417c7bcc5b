/** What a run of a batch would do. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import * as Ledger from "./ledger.js"
import type { Rows } from "./source.js"

/** Plans a batch, and counts the rows that a run would run: those that are new, and what is left in the ledger. */
export const planned = <Row>(batch: Batch.Batch<Row>, source: Rows, file: string) =>
  Effect.gen(function*() {
    const plan = yield* Batch.plan(batch, source)
    const left = yield* Ledger.unsettled(batch.id)
    const known = Object.values(plan.known).reduce((sum, count) => sum + count, 0)
    // rows that are invalid may be among those that are known, and then none of the new ones
    const newInvalid = Math.min(plan.added, Math.max(0, plan.invalid - known))
    return { ...plan, toRun: plan.added - newInvalid + left }
  }).pipe(Effect.provide(Ledger.looked(file)))
