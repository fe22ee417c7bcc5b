/** Types of sources: the rows, errors and requirements of each. */
import type { BatchSourceError } from "@effect-noukai/batch/BatchError"
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import { Stream } from "effect"
import { expectTypeOf } from "vitest"

declare class Disk {
  readonly disk: true
}
declare const bytes: Stream.Stream<Uint8Array, "reset", Disk>

// a file fails as every source may, and needs nothing
expectTypeOf(BatchSource.fromJsonl("rows.jsonl")).toEqualTypeOf<BatchSource.BatchSource<unknown>>()
expectTypeOf(BatchSource.fromCsv("rows.csv")).toEqualTypeOf<BatchSource.BatchSource<BatchSource.CsvRow>>()
expectTypeOf(BatchSource.fromJsonl("rows.jsonl").rows).toEqualTypeOf<
  Stream.Stream<BatchSource.SourceRow<unknown>, BatchSourceError>
>()

// bytes bring their errors and requirements
expectTypeOf(BatchSource.fromJsonlBytes(bytes, "stdin")).toEqualTypeOf<
  BatchSource.BatchSource<unknown, "reset", Disk>
>()
expectTypeOf(BatchSource.fromCsvBytes(bytes, "stdin").rows).toEqualTypeOf<
  Stream.Stream<BatchSource.SourceRow<BatchSource.CsvRow>, "reset" | BatchSourceError, Disk>
>()

expectTypeOf(BatchSource.fromIterable([1])).toEqualTypeOf<BatchSource.BatchSource<number>>()
expectTypeOf(BatchSource.fromStream(Stream.make("a"))).toEqualTypeOf<BatchSource.BatchSource<string>>()

BatchSource.fromCsv("rows.csv", { columns: ["id"], delimiter: ";", maxRecordBytes: undefined })
// @ts-expect-error: text in UTF-8 alone
BatchSource.fromCsv("rows.csv", { encoding: "latin1" })
// @ts-expect-error: lines have no columns
BatchSource.fromJsonl("rows.jsonl", { columns: ["id"] })
