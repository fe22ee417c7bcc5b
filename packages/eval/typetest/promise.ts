/** Types of evals by Promises. */
import { type Check, Eval } from "@effect-noukai/eval"
import type { CaseVerdict, EvalReport } from "@effect-noukai/eval/EvalReport"
import { check, evalCases, loadEval, runEval } from "@effect-noukai/eval/promise"
import { expectTypeOf } from "vitest"

const short = check(async (value: { readonly text: string }, run) => run.state === "done" && value.text.length < 10)
expectTypeOf(short).toEqualTypeOf<Check.Check<{ readonly text: string }, unknown>>()

const texts = Eval.make("texts", {
  flow: "acme/spelling/grade-3",
  cases: [{ id: "a", text: "one" }],
  key: (c) => c.id,
  input: (c) => ({ message: c.text })
}, { short })

expectTypeOf(runEval(texts, { ledger: "evals.ledger" })).toEqualTypeOf<Promise<EvalReport>>()
expectTypeOf(evalCases(texts, { ledger: "evals.ledger" })).toEqualTypeOf<AsyncIterable<CaseVerdict>>()
expectTypeOf(loadEval("a.eval.json")).toEqualTypeOf<Promise<Eval.Eval<unknown>>>()

// @ts-expect-error: an eval run is kept in a ledger
runEval(texts, {})
