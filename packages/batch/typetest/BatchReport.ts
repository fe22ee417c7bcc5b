/** Types of reports: what each gives, fails with and requires. */
import type { BatchReportError } from "@effect-noukai/batch/BatchError"
import * as BatchReport from "@effect-noukai/batch/BatchReport"
import type { RefusedRow, RowResult } from "@effect-noukai/batch/BatchRow"
import type { Effect, Stream } from "effect"
import { expectTypeOf } from "vitest"

declare class Ledger {
  readonly ledger: true
}
declare class Disk {
  readonly disk: true
}
declare const rows: Stream.Stream<RowResult<{ readonly grade: number }>, "store", Ledger>
declare const refused: Stream.Stream<RefusedRow, "refused", Disk>
const summary = { batch: "grades", flow: "acme/grade" }

expectTypeOf(BatchReport.encodeRow).parameters.toEqualTypeOf<[RowResult]>()

expectTypeOf(BatchReport.append("rows.jsonl", { after: () => rows })).toEqualTypeOf<
  Effect.Effect<BatchReport.AppendResult, "store" | BatchReportError, Ledger>
>()

expectTypeOf(BatchReport.write("rows.jsonl", rows)).toEqualTypeOf<
  Effect.Effect<BatchReport.ReportFile, "store" | BatchReportError, Ledger>
>()

expectTypeOf(BatchReport.toFolder("report", { rows, summary })).toEqualTypeOf<
  Effect.Effect<BatchReport.Manifest, "store" | BatchReportError, Ledger>
>()
expectTypeOf(BatchReport.toFolder("report", { rows, refused, summary })).toEqualTypeOf<
  Effect.Effect<BatchReport.Manifest, "store" | "refused" | BatchReportError, Ledger | Disk>
>()

// @ts-expect-error: a manifest names its batch
BatchReport.toFolder("report", { rows, summary: { flow: "acme/grade" } })
