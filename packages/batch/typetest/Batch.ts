/** Types of batches: what is required of each, and what running one and reading it gives, fails with and needs. */
import {
  Batch,
  type BatchEngine,
  type BatchError,
  type BatchLockedError,
  BatchReport,
  BatchSource,
  type BatchStore,
  type LedgerError,
  type RowAttempt,
  type RowError,
  type RowResult
} from "@effect-noukai/batch"
import type { RowCall, RowComparison, SettledRow } from "@effect-noukai/batch/BatchRow"
import { Flow, type FlowService, type JobService, type RunService, type SessionService } from "@effect-noukai/sdk"
import { type Effect, type Layer, Schedule, Schema, Stream } from "effect"
import { expectTypeOf } from "vitest"

interface Essay {
  readonly id: string
  readonly text: string
}

declare class Disk {
  readonly disk: true
}

const Score = Schema.Struct({ score: Schema.Number })
type Score = typeof Score.Type

const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
  result: Score
})

const key = (row: Essay) => row.id
const parameters = { difficulty: "hard" } as const
const input = (row: Essay) => ({ message: row.text, parameters })

Batch.make({
  id: "grades",
  flow: Grade,
  key,
  input,
  target: ({ id }) => ({ flow: Grade, version: id === "" ? "draft" : 3 })
})
// @ts-expect-error a version is "production", "draft" or a number
Batch.make({ id: "grades", flow: Grade, key, input, target: () => ({ version: "newest" }) })

// a job is found again with its result, a request may not be
const jobs = Batch.make({ id: "grades", flow: Grade, key, input })
expectTypeOf(jobs).toEqualTypeOf<Batch.Batch<Essay, Score, "exact">>()
expectTypeOf(jobs.recovery).toEqualTypeOf<"exact">()
const requests = Batch.make({ id: "grades", flow: Grade, key, input, operation: "execute" })
expectTypeOf(requests).toEqualTypeOf<Batch.Batch<Essay, Score, "reported">>()
expectTypeOf(Batch.make({ id: "grades", flow: "acme/spelling/grade-3", key, input: () => ({}) })).toEqualTypeOf<
  Batch.Batch<Essay, unknown, "exact">
>()

// rows are those of the schema
Batch.make({
  id: "grades",
  flow: Grade,
  row: Schema.Struct({ id: Schema.String, level: Schema.NumberFromString }),
  key: (row) => row.id,
  input: (row) => {
    expectTypeOf(row).toEqualTypeOf<{ readonly id: string; readonly level: number }>()
    return { parameters }
  }
})

// parameters are those of the flow, and required where it requires some
// @ts-expect-error: no parameters
Batch.make({ id: "grades", flow: Grade, key, input: (row: Essay) => ({ message: row.text }) })
// @ts-expect-error: none of this name
Batch.make({ id: "grades", flow: Grade, key, input: () => ({ parameters: { difficulty: "absurd" } }) })
// @ts-expect-error: a key is a text
Batch.make({ id: "grades", flow: Grade, key: (row: Essay) => row.text.length, input })

// literals need no `as const`
Batch.make({
  id: "grades",
  flow: Grade,
  key,
  input: (row: Essay) => ({ message: row.text, parameters: { difficulty: "hard" } })
})
Batch.make({
  id: "grades",
  flow: Grade,
  key,
  operation: "execute",
  input: () => ({ parameters: { difficulty: "easy" } })
})

// the queue takes neither conversations nor attachments
const messages = [{ role: "user", content: "hi" }] as const
// @ts-expect-error: messages
Batch.make({ id: "grades", flow: Grade, key, input: () => ({ messages, parameters }) })
// @ts-expect-error: attachments
Batch.make({ id: "grades", flow: Grade, key, input: () => ({ attachments: [], parameters }) })
Batch.make({ id: "grades", flow: Grade, key, input: () => ({ messages, parameters }), operation: "execute" })

// errors and requirements of a source are those of its run
declare const rows: Stream.Stream<Essay, "torn", Disk>
const source = BatchSource.fromStream(rows)
type Clients = FlowService | JobService | RunService | SessionService
expectTypeOf(Batch.run(jobs, source)).toEqualTypeOf<
  Effect.Effect<
    Batch.BatchSummary,
    BatchError | BatchLockedError | "torn",
    BatchEngine | BatchStore | Clients | Disk
  >
>()
expectTypeOf(Batch.run(jobs, BatchSource.fromJsonl("rows.jsonl"), { rate: 10 })).toEqualTypeOf<
  Effect.Effect<Batch.BatchSummary, BatchError | BatchLockedError, BatchEngine | BatchStore | Clients>
>()
// a plan needs no client
expectTypeOf(Batch.plan(jobs, source)).toEqualTypeOf<
  Effect.Effect<Batch.BatchPlan, BatchError | "torn", BatchStore | Disk>
>()

// a source has rows of the batch, as its schema reads them; of a file nothing is known
interface Other {
  readonly name: string
}
const read = Batch.make({
  id: "grades",
  flow: Grade,
  row: Schema.Struct({ id: Schema.String, level: Schema.NumberFromString }),
  key: (row) => row.id,
  input: () => ({ parameters })
})
const counted = Batch.make({
  id: "grades",
  flow: Grade,
  row: Schema.Struct({ id: Schema.String, level: Schema.Number }),
  key: (row) => row.id,
  input: () => ({ parameters })
})
declare const others: ReadonlyArray<Other>
declare const essays: ReadonlyArray<Essay & Other>
Batch.run(jobs, BatchSource.fromIterable(essays))
Batch.run(jobs, BatchSource.fromCsv("rows.csv"))
Batch.plan(read, BatchSource.fromJsonl("rows.jsonl"))
Batch.plan(read, BatchSource.fromCsv("rows.csv"))
Batch.run(read, BatchSource.fromIterable([{ id: "1", level: "2" }]))
Batch.run(read, BatchSource.fromIterable<unknown>([{ id: 1 }]))
// @ts-expect-error: other rows
Batch.run(jobs, BatchSource.fromIterable(others))
// @ts-expect-error: other rows
Batch.plan(jobs, BatchSource.fromIterable(others))
// @ts-expect-error: other rows
Batch.run(requests, BatchSource.fromStream(Stream.fromIterable(others)))
// @ts-expect-error: a field is missing
Batch.run(jobs, BatchSource.fromIterable([{ id: "1" }]))
// @ts-expect-error: a text, which the schema reads
Batch.run(read, BatchSource.fromIterable([{ id: "1", level: 2 }]))
// @ts-expect-error: no rows at all
Batch.run(jobs, BatchSource.fromIterable([1, 2]))
// @ts-expect-error: every value of CSV is text
Batch.run(counted, BatchSource.fromCsv("rows.csv"))

expectTypeOf(Batch.results(jobs)).toEqualTypeOf<Stream.Stream<RowResult<Score>, LedgerError, BatchStore>>()
expectTypeOf(Batch.results("grades")).toEqualTypeOf<Stream.Stream<RowResult, LedgerError, BatchStore>>()
expectTypeOf(Batch.results(read)).toEqualTypeOf<Stream.Stream<RowResult<Score>, LedgerError, BatchStore>>()
expectTypeOf(Batch.resultsOf(read, ["row 1"])).toEqualTypeOf<
  Effect.Effect<ReadonlyMap<string, RowResult<Score>>, LedgerError, BatchStore>
>()
expectTypeOf(Batch.resultsOf("grades", ["row 1"])).toEqualTypeOf<
  Effect.Effect<ReadonlyMap<string, RowResult>, LedgerError, BatchStore>
>()
expectTypeOf(Batch.list("eval/")).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<Batch.BatchInfo>, LedgerError, BatchStore>
>()
expectTypeOf(Batch.page("grades", { after: 50, state: ["failed", "timedOut"] })).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<RowResult>, LedgerError, BatchStore>
>()
expectTypeOf(Batch.settled("grades", 50)).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<SettledRow>, LedgerError, BatchStore>
>()
expectTypeOf(Batch.numbers("grades", "row *", "failed")).toEqualTypeOf<
  Stream.Stream<number, LedgerError, BatchStore>
>()
expectTypeOf<(typeof BatchStore)["layerFileReadOnly"]>().toEqualTypeOf<(typeof BatchStore)["layerFile"]>()
expectTypeOf<(typeof BatchStore)["layerSqlReadOnly"]>().toEqualTypeOf<(typeof BatchStore)["layerSql"]>()
expectTypeOf<Pick<RowResult, "calls" | "flow" | "steps">>().toEqualTypeOf<
  {
    readonly calls?: ReadonlyArray<RowCall>
    readonly flow: string
    readonly steps?: { readonly [stepId: string]: unknown }
  }
>()
expectTypeOf<Pick<RowResult, "durationMs" | "tokens" | "version">>().toEqualTypeOf<
  {
    readonly durationMs?: number
    readonly tokens?: { readonly prompt: number; readonly completion: number; readonly total: number }
    readonly version: string
  }
>()

// two batches that are compared need what their ledgers need
declare const ledger: Layer.Layer<BatchStore, "locked", Disk>
expectTypeOf(Batch.diff({ ledger }, { batch: "grades", ledger })).toEqualTypeOf<
  Stream.Stream<RowComparison, LedgerError | "locked", Disk>
>()
// @ts-expect-error: a ledger is a layer
Batch.diff({ ledger: "grades.ledger" }, { ledger })

// CSV is text, with the errors and needs of its rows
expectTypeOf(BatchReport.csv(Batch.results(jobs, { withInput: true }), { spreadsheet: true })).toEqualTypeOf<
  Stream.Stream<string, LedgerError, BatchStore>
>()

expectTypeOf(Batch.progress("grades")).toEqualTypeOf<Stream.Stream<Batch.Progress, LedgerError, BatchStore>>()

expectTypeOf(Batch.retry("grades", { only: "failed" })).toEqualTypeOf<
  Effect.Effect<number, BatchLockedError | LedgerError, BatchStore>
>()
Batch.retry("grades", { only: "reported", acceptDoubleRuns: true })
// @ts-expect-error: what is reported may have run
Batch.retry("grades", { only: "reported" })
// @ts-expect-error: what is done is done
Batch.retry("grades", { only: "done" })

Batch.retry("grades", { only: "failed", select: { key: ["a*", "b"], state: "failed" } })

expectTypeOf(Batch.attempts("grades", "row 1")).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<RowAttempt>, LedgerError, BatchStore>
>()
expectTypeOf(Batch.pause("grades")).toEqualTypeOf<Effect.Effect<void, LedgerError, BatchStore>>()
expectTypeOf(Batch.resume("grades")).toEqualTypeOf<Effect.Effect<void, LedgerError, BatchStore>>()
Batch.plan(jobs, source, { select: { key: "a*" } })
Batch.run(jobs, source, { attempts: Schedule.recurs(2), select: { state: "pending" } })
Batch.run(jobs, source, { attempts: 3, backoff: "5 seconds" })
// @ts-expect-error: no state of a row
Batch.results("grades", { select: { state: "gone" } })

Stream.map(Batch.results(jobs), ({ result }) => result?.score)

// what may be absent is a key that may be absent, and no `undefined`
expectTypeOf<Pick<RowError, "code" | "statusCode" | "executionIds">>().toEqualTypeOf<
  { readonly code?: string; readonly statusCode?: number; readonly executionIds?: ReadonlyArray<string> }
>()
expectTypeOf<Pick<Batch.BatchStop, "statusCode">>().toEqualTypeOf<{ readonly statusCode?: number }>()

// budgets are numbers, or decimal text
expectTypeOf<Batch.RunOptions["budgetUsd"]>().toEqualTypeOf<number | string | undefined>()
expectTypeOf<Batch.RunOptions["maxCostPerRow"]>().toEqualTypeOf<number | string | undefined>()
expectTypeOf<RowResult["isCostUnknown"]>().toEqualTypeOf<true | undefined>()
expectTypeOf<Batch.BatchStatus["unknownCosts"]>().toEqualTypeOf<number | undefined>()
