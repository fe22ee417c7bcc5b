import { Check, Eval } from "@effect-noukai/eval"
import { check, evalCases, runEval } from "@effect-noukai/eval/promise"

interface Case {
  readonly id: string
  readonly text: string
  readonly expected: number
}

/** Prints the checks that regressed, case by case, and returns whether the draft may be published. */
export const gate = async (cases: ReadonlyArray<Case>, readability: (text: string) => Promise<number>) => {
  const spelling = Eval.make("spelling", {
    flow: "acme/spelling/grade-3",
    cases,
    key: (c) => c.id,
    input: (c) => ({ message: c.text })
  }, {
    score: Check.near(Check.field("expected"), { at: "score", within: 0.5 }),
    readable: check(async (_, run) => await readability(String(run.result)) > 60)
  })
  const ledger = "evals.ledger"
  const { gate, sentence } = await runEval(spelling, { ledger, baseline: "production" })
  for await (const { at, checks, key } of evalCases(spelling, { ledger })) {
    // the verdict of the whole case is "fail" if another check fails on both sides
    for (const [check, { verdict }] of Object.entries(checks)) {
      if (verdict === "regressed") console.log(`${at}: ${key} regressed in ${check}`)
    }
  }
  console.log(sentence)
  return gate === "passed"
}
