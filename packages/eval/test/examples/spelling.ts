import { BatchSource } from "@effect-noukai/batch"
import { Check, Eval } from "@effect-noukai/eval"
import { Flow } from "@effect-noukai/sdk"
import { Schema } from "effect"

const Grade = Flow.make("acme/spelling/grade-3", {
  result: Schema.Struct({ score: Schema.Number, comment: Schema.String })
})

export const spelling = Eval.make("spelling", {
  flow: Grade,
  cases: BatchSource.fromJsonl("cases.jsonl"), // or fromCsv, or values
  case: Schema.Struct({ id: Schema.String, text: Schema.String, expected: Schema.Number }),
  key: (c) => c.id,
  input: (c) => ({ message: c.text }),
  thresholds: { maxRegressed: "significant", checks: { score: { minPassRate: 0.9 } } }
}, {
  score: Check.equals((c) => c.expected, { at: "score" }),
  short: Check.make((c, run) => run.result!.comment.length < 2 * c.text.length),
  polite: Check.judge("acme/judges/politeness", {
    version: 3,
    input: (_, run) => ({ message: run.result!.comment }),
    at: "polite"
  }),
  cheap: Check.maxCostUsd("0.002")
})
