/** `noukai eval report`. */
import * as Eval from "@effect-noukai/eval/Eval"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { connection } from "../../arguments/flags.js"
import { withoutKey } from "../../settings/services.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, definition, read, store, stored as readStored } from "./evaluation.js"
import { stored } from "./flags.js"
import { checked, told } from "./told.js"

const config = { ...stored, ...connection }

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  yield* checked(input)
  const one = yield* definition(input)
  const options = yield* readStored(one, input)
  yield* Effect.flatMap(
    read(one, input, options),
    (matrix) => told(input, matrix, (candidate) => Eval.cases(one, { ...options, run: matrix.run, candidate }))
  ).pipe(Effect.provide(Layer.merge(store(one.name, input, true), withoutKey(input))))
}, asEval)

export const command = leaf("report", "Report a stored eval run again; send nothing.", config, handle)
