/** `noukai eval bless`. */
import * as Baseline from "@effect-noukai/eval/Baseline"
import * as Eval from "@effect-noukai/eval/Eval"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { connection, optional } from "../../arguments/flags.js"
import { CommandError, wrong } from "../../exit/CommandError.js"
import { withoutKey } from "../../settings/services.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, codes, definition, read, store } from "./evaluation.js"
import { candidate, defined, run } from "./flags.js"

const config = {
  ...defined,
  run,
  candidate,
  out: optional("out", "Write to this .json file (beside the definition)."),
  ...connection
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const path = Option.getOrElse(
    input.out,
    () => `${input.file.replace(/(\.eval)?\.(json|ya?ml|[cm]?[jt]s)$/i, "")}.baseline.json`
  )
  if (!path.endsWith(".json")) return yield* wrong(`--out ${path}: must end with .json`)
  const one = yield* definition(input)
  const baseline = yield* Effect.gen(function*() {
    const { reports } = yield* read(one, input, { run: Option.getOrUndefined(input.run) })
    const [report] = reports
    if (reports.length > 1) {
      return yield* wrong(`the run ${report.run} has ${reports.length} candidates: name one with --candidate`)
    }
    const { cases, errors, gate, run, sentence } = report
    const ran = (yield* Eval.runs(one.name)).find((ran) => ran.run === run)
    if (ran !== undefined && cases < ran.cases) {
      return yield* wrong(`the run ${run} has ${ran.cases} cases, and the definition ${cases} of them: begin a new run`)
    }
    const baseline = yield* Baseline.bless(report, Eval.cases(one, { run, candidate: report.candidate }))
    // a stored baseline that is not given again says nothing of the candidate
    if (gate === "failed" || (gate === "incomplete" && (errors > 0 || ran?.stored === undefined))) {
      yield* terminal.note(`the run ${run} ${gate === "failed" ? "failed its gate:" : "is"} ${sentence}`, "yellow")
    }
    return baseline
  }).pipe(Effect.provide(Layer.merge(store(one.name, input, true), withoutKey(input))))
  yield* Effect.mapError(
    Baseline.write(path, baseline),
    ({ message }) => new CommandError({ code: codes.environment, message: `cannot write ${message}` })
  )
  yield* terminal.note(plain(`${path}: the candidate of run ${baseline.run}`))
}, asEval)

export const command = leaf("bless", "Keep the verdicts of a run as a baseline file.", config, handle)
