import { Baseline, Eval } from "@effect-noukai/eval"
import { Effect } from "effect"
import { spelling } from "./spelling.js"

const path = "spelling.baseline.json"

/** Writes the verdicts of the newest run to a file for the repository. */
export const bless = Effect.gen(function*() {
  const report = yield* Eval.report(spelling)
  yield* Baseline.write(path, yield* Baseline.bless(report, Eval.cases(spelling)))
})

/** Runs the draft alone, and compares it with the verdicts in the file. */
export const compare = Effect.gen(function*() {
  const baseline = yield* Baseline.read(path, "spelling")
  return yield* Eval.run(spelling, { candidate: "draft", baseline })
})
