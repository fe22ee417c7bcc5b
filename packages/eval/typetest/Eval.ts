/** Types of evals. */
import type { BatchEngine, BatchStore } from "@effect-noukai/batch"
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import { Check, Eval, type EvalError, type EvalReport } from "@effect-noukai/eval"
import { Flow, type FlowService, type JobService, type RunService, type SessionService } from "@effect-noukai/sdk"
import { Context, Effect, Schema, type Stream } from "effect"
import { expectTypeOf } from "vitest"

class Words extends Context.Tag("test/Words")<Words, { readonly count: number }>() {}
class Names extends Context.Tag("test/Names")<Names, { readonly count: number }>() {}

const Grade = Flow.make("acme/spelling/grade-3", { result: Schema.Struct({ score: Schema.Number }) })
const Case = Schema.Struct({ id: Schema.String, text: Schema.String, expected: Schema.NumberFromString })

declare const words: Check.Check<{ readonly text: string }, unknown, Words>
declare const names: Check.Check<unknown, { readonly score: number }, Names>
declare const other: Check.Check<unknown, { readonly grade: number }>

const spelling = Eval.make("spelling", {
  flow: Grade,
  cases: BatchSource.fromJsonl("cases.jsonl"),
  case: Case,
  key: (c) => c.id,
  input: (c) => ({ message: c.text })
}, { words, names })
expectTypeOf(spelling).toEqualTypeOf<Eval.Eval<typeof Case.Type, { readonly score: number }, never, Words | Names>>()

const values = Eval.make("values", {
  flow: "acme/spelling/grade-3",
  cases: [{ id: "a", text: "one" }],
  key: (c) => c.id,
  input: (c) => ({ message: c.text })
}, {})
expectTypeOf(values).toEqualTypeOf<Eval.Eval<{ id: string; text: string }, unknown>>()

// @ts-expect-error: the check is of another result
Eval.make("other", {
  flow: Grade,
  cases: [{ id: "a" }],
  key: (c) => c.id,
  input: () => ({})
}, { other })

// checks see the case and the result of the eval, and need nothing of themselves
const inferred = Eval.make("inferred", {
  flow: Grade,
  cases: BatchSource.fromCsv("cases.csv"),
  case: Case,
  key: (c) => c.id,
  input: (c) => ({ message: c.text }),
  checksOf: (c) => c.text === "" ? ["cheap"] : undefined,
  thresholds: { maxRegressed: "significant", checks: { score: { minPassRate: 0.9 } } }
}, {
  score: Check.equals((c) => c.expected, { at: "score" }),
  near: Check.near((c) => c.expected, { at: "score", within: 1 }),
  own: Check.make((c, run) => run.result!.score > c.expected),
  not: Check.not(Check.equals((c) => c.expected, { at: "score" })),
  shape: Check.jsonSchema({ type: "object", required: ["score"] }, { at: "score" }),
  similar: Check.similar((c) => c.text, { by: (actual, expected) => actual === expected ? 1 : 0 }),
  notOwn: Check.not(Check.make((c, run) => run.result!.score > c.expected)),
  polite: Check.judge("acme/judges/politeness", {
    input: (c, run) => ({ message: `${c.text}: ${run.result?.score}` })
  }),
  cheap: Check.maxCostUsd("0.002")
})
expectTypeOf(inferred).toEqualTypeOf<Eval.Eval<typeof Case.Type, { readonly score: number }>>()

const embedded = Check.similar("a", {
  by: (a, b) => Words.pipe(Effect.map(({ count }) => a.length / b.length / count))
})
expectTypeOf(embedded).toEqualTypeOf<Check.Check<unknown, unknown, Words>>()

// an operation needs the services of its checks
type Services = BatchEngine | BatchStore | FlowService | JobService | RunService | SessionService
expectTypeOf(Eval.run(spelling, { candidate: 3, baseline: "production", repeat: 3 })).toEqualTypeOf<
  Effect.Effect<EvalReport.EvalReport, EvalError, Services | Words | Names>
>()
expectTypeOf(Eval.score(inferred)).toEqualTypeOf<
  Effect.Effect<EvalReport.EvalReport, EvalError, Services>
>()
expectTypeOf(Eval.cases(inferred, { run: "20261128-215900-1a2b" })).toEqualTypeOf<
  Stream.Stream<EvalReport.CaseVerdict, EvalError, BatchStore>
>()
expectTypeOf(Eval.runs()).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<Eval.EvalRunInfo>, EvalError, BatchStore>
>()
expectTypeOf(Eval.batchIds({ eval: "a", run: "b" })).toEqualTypeOf<readonly [runs: string, judges: string]>()
// @ts-expect-error: a candidate is a version or a flow with a version
Eval.plan(inferred, { candidate: "newest" })
