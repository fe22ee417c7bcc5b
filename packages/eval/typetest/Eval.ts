/** Types of evals. */
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import type { Check } from "@effect-noukai/eval"
import { Eval } from "@effect-noukai/eval"
import { Flow } from "@effect-noukai/sdk"
import { Context, Schema } from "effect"
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
  input: (c) => ({ message: c.text }),
  checks: { words, names }
})
expectTypeOf(spelling).toEqualTypeOf<Eval.Eval<typeof Case.Type, { readonly score: number }, never, Words | Names>>()

const values = Eval.make("values", {
  flow: "acme/spelling/grade-3",
  cases: [{ id: "a", text: "one" }],
  key: (c) => c.id,
  input: (c) => ({ message: c.text }),
  checks: {}
})
expectTypeOf(values).toEqualTypeOf<Eval.Eval<{ id: string; text: string }, unknown>>()

Eval.make("other", {
  flow: Grade,
  cases: [{ id: "a" }],
  key: (c) => c.id,
  input: () => ({}),
  // @ts-expect-error: the check is of another result
  checks: { other }
})
