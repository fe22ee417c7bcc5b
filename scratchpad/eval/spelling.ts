import { BatchSource } from "@effect-noukai/batch"
import { Check, Eval } from "@effect-noukai/eval"
import { Flow } from "@effect-noukai/sdk"
import { Schema } from "effect"
import { fileURLToPath } from "node:url"

const Correct = Flow.make("acme/spelling/correct", {
  result: Schema.Struct({ word: Schema.String, hint: Schema.String })
})

/** 200 misspelt words. A run must correct the word, with a short hint, at a low cost. */
export const spelling = Eval.make("spelling", {
  flow: Correct,
  cases: BatchSource.fromJsonl(fileURLToPath(new URL("cases.jsonl", import.meta.url))),
  case: Schema.Struct({ id: Schema.String, text: Schema.String, expected: Schema.String }),
  key: (one) => one.id,
  input: (one) => ({ message: one.text })
}, {
  word: Check.equals((one) => one.expected, { at: "word" }),
  hint: Check.matches(/^.{1,80}$/, { at: "hint" }),
  cheap: Check.maxCostUsd("0.001")
})
