/** The plan of a run of a batch. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { RefusedRow } from "@effect-noukai/batch/BatchRow"
import type { BatchPlan, RowSelection } from "@effect-noukai/batch/BatchStatus"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Effect from "effect/Effect"
import { Terminal } from "../../terminal/Terminal.js"
import { cell } from "../../terminal/text.js"
import * as Ledger from "./ledger.js"
import type { Rows } from "./source.js"

/** Plans a batch and counts the rows that would run: rows of the source, and rows in flight. */
export function planned<Row>(batch: Batch.Batch<Row>, source: Rows, file: string, select: RowSelection) {
  return Effect.gen(function*() {
    const plan = yield* Batch.plan(batch, source, { select })
    const live = yield* Ledger.live(batch.id)
    return { ...plan, toRun: plan.ready + (plan.known.pending ?? 0) + live }
  }).pipe(Effect.provide(BatchStore.layerFile(file)))
}

/** The number of reasons that are printed. */
const shown = 100

/** Returns the line of a row: the number at the end of its place. */
const lineOf = ({ at }: RefusedRow): number => Number(/\d+$/.exec(at)?.[0] ?? 0)

/** Returns a line for each of the first invalid and refused rows, in the order of the file. */
export const reasons = ({ invalidRows, refused }: BatchPlan): ReadonlyArray<string> =>
  [...invalidRows, ...refused].sort((one, other) => lineOf(one) - lineOf(other)).slice(0, shown)
    .map(({ at, error }) => cell(`${at}: ${error.message}`))

/** Prints the first invalid and refused rows, with the reasons. */
export const refusals = Effect.fnUntraced(function*(plan: BatchPlan) {
  const terminal = yield* Terminal
  const lines = reasons(plan)
  for (const line of lines) yield* terminal.note(line)
  const rest = plan.invalid + plan.refusedCount - lines.length
  if (rest > 0) yield* terminal.note(`and ${rest} more that are invalid or refused`)
})
