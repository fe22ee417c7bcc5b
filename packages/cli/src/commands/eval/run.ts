/** `noukai eval run`. */
import { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Eval from "@effect-noukai/eval/Eval"
import type { SideName } from "@effect-noukai/eval/EvalReport"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { connection, flag } from "../../arguments/flags.js"
import { reason } from "../../arguments/values.js"
import { CommandError, wrong } from "../../exit/CommandError.js"
import { services } from "../../settings/services.js"
import { Settings } from "../../settings/Settings.js"
import { flagOf, flagsOf, hint, type ServerFlags } from "../../terminal/shell.js"
import { Terminal } from "../../terminal/Terminal.js"
import { limited, limits } from "../batch/flags.js"
import { allowed, shown, stoppable } from "../batch/run.js"
import { temporaryFolder } from "../batch/source.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, codes, definition, isSpent, selection, sides, store } from "./evaluation.js"
import { compared, defined, outputs, run, selected, yes } from "./flags.js"
import { notCaptured, stale } from "./plan.js"
import { checked, checkedSides, told } from "./told.js"

const config = {
  ...defined,
  run,
  ...compared,
  ...selected,
  resume: flag("resume", "Continue the newest unfinished run, or the run with the id."),
  ...limited("run"),
  ...outputs,
  yes,
  ...connection
}

type Input = InputOf<typeof config>

/** Shows the progress of a run that begins now, or that is resumed. */
const progress = (name: string, isResumed: boolean): Effect.Effect<void, never, BatchStore | Terminal> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Eval.runs(name).pipe(
      Effect.flatMap(Arr.findLast((run) => !run.isComplete && (isResumed || run.startedAt >= now))),
      Effect.retry(Schedule.spaced("200 millis")),
      Effect.flatMap((run) => shown(Eval.batchIds(run)[0])),
      Effect.ignore
    ))

/** The flags that a resumed run needs again. Its candidate and its trials are in the ledger. */
const kept = [
  "baseline",
  "ledger",
  "concurrency",
  "rate",
  "budget",
  "maxCostPerRow",
  "allowErrors",
  "csv",
  "html",
  "junit",
  "summary"
] as const

type ContinuedFlags =
  & Pick<Input, typeof kept[number] | "failing" | "file" | "json" | "jsonl" | "record" | "replay" | "run">
  & ServerFlags

/** The flags of a larger budget, which the user fills in. */
const raised = ({ maxCostPerRow }: ContinuedFlags) => ({
  budget: Option.some("USD"),
  maxCostPerRow: Option.orElseSome(maxCostPerRow, () => "USD")
})

/** Returns how to continue a run that was stopped. A spent budget would stop it again. */
export const continuing = (input: ContinuedFlags, isSpent = false): string => {
  if (Option.isSome(input.replay)) return "nothing was sent: to replay, run the same command again"
  const command = hint(input, "eval run", [input.file, ...input.failing ? [] : Option.toArray(input.run)], [
    ["--resume"],
    ...flagsOf(isSpent ? { ...input, ...raised(input) } : input, kept),
    ...(["json", "jsonl"] as const).filter((name) => input[name]).map((name) => [flagOf(name)] as const)
  ])
  return `to continue${isSpent ? " with a larger --budget" : ""}${
    Option.isSome(input.record) ? ", without a recording" : ""
  }: ${command}`
}

const unusable = (cause: unknown) =>
  new CommandError({ code: codes.environment, message: `no temporary folder for the ledger: ${reason(cause)}` })

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  yield* checked(input)
  if (input.resume && input.failing) return yield* wrong("give --resume or --failing, not both")
  if (Option.isSome(input.run) && !input.resume && !input.failing) {
    return yield* wrong("the id of a run requires --resume or --failing")
  }
  const one = yield* definition(input)
  const isReplayed = Option.isSome(input.replay)
  if (isReplayed && Option.exists(input.ledger, existsSync)) {
    return yield* wrong(
      `--replay requires a new ledger: remove ${Option.getOrThrow(input.ledger)}, or leave out --ledger`
    )
  }
  // a replay keeps no ledger that nobody named: the next one would go on with its runs
  const ledger = isReplayed && Option.isNone(input.ledger)
    ? Option.some(join(yield* temporaryFolder("noukai-eval-", unusable), "replay.ledger"))
    : input.ledger
  const { stored, ...compared } = yield* sides(one, input, input.resume)
  const options = {
    ...compared,
    ...selection(input, input.run),
    ...yield* limits("run", input),
    allowErrors: Option.getOrUndefined(input.allowErrors),
    resume: input.resume ? Option.getOrElse(input.run, () => true as const) : undefined
  }
  yield* Effect.gen(function*() {
    const plan = yield* Eval.plan(one, options)
    if (input.resume && Option.contains(input.baseline, "none") && plan.baseline !== undefined) {
      return yield* wrong("--baseline is not that of the run: leave it out, or begin a new run")
    }
    yield* checkedSides(input, 1 + (plan.others?.length ?? 0))
    for (const line of [...stale(plan), ...notCaptured(plan)]) yield* terminal.note(line, "yellow")
    const { isHosted } = yield* Settings
    if (isHosted && !input.yes && options.replay === undefined) {
      yield* allowed(plan.runs, `runs of ${plan.candidate.flow}`)
    }
    const matrix = yield* stoppable(
      Eval.runMatrix(one, options),
      progress(one.name, input.resume),
      Effect.sync(() => continuing(input))
    )
    yield* terminal.progress("")
    const casesOf = (candidate: SideName) => Eval.cases(one, { run: matrix.run, candidate, baseline: stored })
    const again = isReplayed ? undefined : continuing(input, yield* isSpent(matrix.reports[0]))
    yield* told(input, matrix, casesOf, again)
  }).pipe(Effect.provide(Layer.mergeAll(
    store(one.name, { ...input, ledger }, false),
    BatchEngine.layerLocal,
    services(input, () => "for up to 5 minutes; no run is lost", isReplayed)
  )))
}, asEval)

export const command = leaf("run", "Run both sides on all cases and compare them.", config, handle)
