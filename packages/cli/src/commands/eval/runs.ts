/** `noukai eval runs`. */
import * as Eval from "@effect-noukai/eval/Eval"
import * as Effect from "effect/Effect"
import { json } from "../../arguments/flags.js"
import { moment } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { table } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, definition, store } from "./evaluation.js"
import { defined } from "./flags.js"

const config = { ...defined, json }

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { name } = yield* definition(input)
  const runs = yield* Eval.runs(name).pipe(Effect.provide(store(name, input, true)))
  yield* terminal.write(
    input.json ? jsonLine(runs) : table([
      ["run", "begun (UTC)", "candidate", "baseline", "cases", "trials", ""],
      ...runs.map(({ baseline, candidate, cases, isComplete, others = [], repeat, run, selection, startedAt }) => [
        run,
        moment(new Date(startedAt).toISOString(), true),
        [candidate, ...others].map(({ name, version }) => name ?? version).join(", "),
        baseline?.stored ?? baseline?.version,
        selection === undefined ? cases : `${cases} of ${selection.of}`,
        repeat,
        isComplete ? "complete" : "unfinished"
      ])
    ], [4, 5])
  )
}, asEval)

export const command = leaf("runs", "List the eval runs of the ledger.", config, handle)
