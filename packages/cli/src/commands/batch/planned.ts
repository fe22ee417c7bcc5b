/** The plan of a run of a batch. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { RefusedRow } from "@effect-noukai/batch/BatchRow"
import type { BatchPlan, RowSelection } from "@effect-noukai/batch/BatchStatus"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Effect from "effect/Effect"
import { cell } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import * as Ledger from "./ledger.js"
import type { Rows } from "./source.js"

/** Plans a batch, and counts the rows that a run would run: those of the source, and those in flight. */
export const planned = <Row>(batch: Batch.Batch<Row>, source: Rows, file: string, select: RowSelection) =>
  Effect.gen(function*() {
    const plan = yield* Batch.plan(batch, source, { select })
    const live = yield* Ledger.live(batch.id)
    return { ...plan, toRun: plan.ready + (plan.known.pending ?? 0) + live }
  }).pipe(Effect.provide(BatchStore.layerFile(file)))

/** The most rows whose reasons are printed. */
const shown = 100

/** The line of a row in its file, which its place ends with. */
const lineOf = ({ at }: RefusedRow): number => Number(/\d+$/.exec(at)?.[0] ?? 0)

/** The first rows that are invalid or refused, in the order of the file, each in one line. */
export const reasons = ({ invalidRows, refused }: BatchPlan): ReadonlyArray<string> =>
  [...invalidRows, ...refused].sort((one, other) => lineOf(one) - lineOf(other)).slice(0, shown)
    .map(({ at, error }) => cell(`${at}: ${error.message}`))

/** Says which rows are invalid or refused, and why: the first of them. */
export const refusals = (plan: BatchPlan): Effect.Effect<void, never, Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    const lines = reasons(plan)
    for (const line of lines) yield* terminal.note(line)
    const rest = plan.invalid + plan.refusedCount - lines.length
    if (rest > 0) yield* terminal.note(`and ${rest} more that are invalid or refused`)
  })
