/** `noukai eval score`. */
import { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import * as Eval from "@effect-noukai/eval/Eval"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { connection, flag } from "../../arguments/flags.js"
import { services } from "../../settings/services.js"
import { limited, limits } from "../batch/flags.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, definition, read, store, stored as readStored } from "./evaluation.js"
import { stored } from "./flags.js"
import { checked, checkedSides, told } from "./told.js"

const config = {
  ...stored,
  judgeAgain: flag("judge-again", "Ask and pay judges at production and draft again."),
  ...limited("run"),
  ...connection
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  yield* checked(input)
  const one = yield* definition(input)
  const { allowErrors, baseline, run } = yield* readStored(one, input)
  const options = { ...yield* limits("run", input), allowErrors, baseline, run, judgeAgain: input.judgeAgain }
  yield* Effect.gen(function*() {
    // refuses what cannot be reported, before a judge is paid
    const before = yield* read(one, input, { run, baseline, allowErrors })
    yield* checkedSides(input, before.reports.length)
    const { run: scored } = yield* Eval.score(one, options)
    const matrix = yield* read(one, input, { run: scored, baseline, allowErrors })
    yield* told(input, matrix, (candidate) => Eval.cases(one, { run: scored, candidate, baseline }))
  }).pipe(
    Effect.provide(Layer.mergeAll(store(one.name, input, true), BatchEngine.layerLocal, services(input)))
  )
}, asEval)

export const command = leaf("score", "Judge stored runs again; only judges are paid.", config, handle)
