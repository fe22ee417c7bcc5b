/** `noukai eval score`. */
import { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import * as Eval from "@effect-noukai/eval/Eval"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { connection } from "../../arguments/flags.js"
import { services } from "../../settings/services.js"
import { type InputOf, leaf } from "../leaf.js"
import { definition, ending, limits, store, stored as readStored } from "./evaluation.js"
import { limits as limitFlags, stored } from "./flags.js"
import { checked, told } from "./told.js"

const config = { ...stored, ...limitFlags, ...connection }

type Input = InputOf<typeof config>

const handle = (input: Input) =>
  Effect.gen(function*() {
    yield* checked(input)
    const one = yield* definition(input)
    const { allowErrors, baseline, run } = yield* readStored(one.name, input)
    const options = { ...yield* limits(input), allowErrors, baseline, run }
    yield* Effect.flatMap(
      Eval.score(one, options),
      (report) => told(input, report, Eval.cases(one, { run: report.run, baseline }))
    ).pipe(
      Effect.provide(Layer.mergeAll(store(one.name, input, true), BatchEngine.layerLocal, services(input)))
    )
  }).pipe(Effect.scoped, ending(input))

export const command = leaf("score", "Judge stored runs again; only judges are paid.", config, handle)
