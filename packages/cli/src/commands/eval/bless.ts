/** `noukai eval bless`. */
import * as Baseline from "@effect-noukai/eval/Baseline"
import * as Eval from "@effect-noukai/eval/Eval"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { optional } from "../../arguments/flags.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { definition, ending, store } from "./evaluation.js"
import { defined, run } from "./flags.js"

const config = { ...defined, run, out: optional("out", "Write the baseline to this file (beside the definition).") }

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(
  function*(input: Input) {
    const terminal = yield* Terminal
    const one = yield* definition(input)
    const path = Option.getOrElse(
      input.out,
      () => `${input.file.replace(/(\.eval)?\.(json|ya?ml|[cm]?[jt]s)$/i, "")}.baseline.json`
    )
    const baseline = yield* Effect.flatMap(
      Eval.report(one, { run: Option.getOrUndefined(input.run) }),
      (report) => Baseline.bless(report, Eval.cases(one, { run: report.run }))
    ).pipe(Effect.provide(store(one.name, input, true)))
    yield* Baseline.write(path, baseline)
    yield* terminal.note(plain(`${path}: the candidate of run ${baseline.run}`))
  },
  Effect.scoped,
  ending({})
)

export const command = leaf("bless", "Keep the verdicts of a run as a baseline file.", config, handle)
