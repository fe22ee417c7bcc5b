/** `noukai eval runs`. */
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalReport } from "@effect-noukai/eval/EvalReport"
import { maskedValue } from "@effect-noukai/sdk/SafeText"
import { costText } from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { connection, json } from "../../arguments/flags.js"
import { withoutKey } from "../../settings/services.js"
import { moment } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { table } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, definition, store } from "./evaluation.js"
import { defined } from "./flags.js"

const config = { ...defined, json, ...connection }

type Input = InputOf<typeof config>

/** The newest runs whose verdicts are read. */
const mostRead = 20

/** Returns the pass rate and the cost of the first candidate of a run. A run that cannot be judged has none. */
const numbersOf = ({ cost: { candidate }, overall: { candidate: { rate } } }: EvalReport) => [
  rate === undefined ? "" : `${Math.round(100 * rate)} %`,
  costText({ costUsd: candidate.usd, unknownCosts: candidate.unknown })
]

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const one = yield* definition(input)
  const { name } = one
  const { numbers, runs } = yield* Effect.gen(function*() {
    const runs = yield* Eval.runs(name)
    const read = input.json ? [] : runs.filter(({ isComplete }) => isComplete).slice(-mostRead)
    const numbers = yield* Effect.forEach(
      read,
      ({ run }) =>
        Effect.map(Effect.option(Eval.report(one, { run })), (report) => [run, Option.map(report, numbersOf)] as const)
    )
    return { numbers: new Map(numbers), runs }
  }).pipe(Effect.provide(Layer.merge(store(name, input, true), withoutKey(input))))
  yield* terminal.write(
    input.json ? jsonLine(maskedValue(runs)) : table([
      ["run", "begun (UTC)", "candidate", "baseline", "cases", "trials", "pass", "cost", ""],
      ...runs.map(({ baseline, candidate, cases, isComplete, others = [], repeat, run, selection, startedAt }) => [
        run,
        moment(new Date(startedAt).toISOString(), true),
        [candidate, ...others].map(({ name, version }) => name ?? version).join(", "),
        baseline?.stored ?? baseline?.version,
        selection === undefined ? cases : `${cases} of ${selection.of}`,
        repeat,
        ...Option.getOrElse(numbers.get(run) ?? Option.none(), () => ["", ""]),
        isComplete ? "complete" : "unfinished"
      ])
    ], [4, 5, 6, 7])
  )
}, asEval)

export const command = leaf("runs", "List the eval runs of the ledger.", config, handle)
