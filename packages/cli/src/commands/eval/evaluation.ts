/** The eval of a command: its definition, its ledger, its sides and its limits. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { BatchStop } from "@effect-noukai/batch/BatchStatus"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Baseline from "@effect-noukai/eval/Baseline"
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalError } from "@effect-noukai/eval/EvalError"
import * as EvalFile from "@effect-noukai/eval/EvalFile"
import type { ReportOptions, Side } from "@effect-noukai/eval/EvalOptions"
import type { EvalMatrix, EvalReport } from "@effect-noukai/eval/EvalReport"
import type { CassetteError, NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import * as Values from "../../arguments/values.js"
import { CommandError, type UsageError, wrong } from "../../exit/CommandError.js"
import { type BatchCommandError, exitCodes } from "../../exit/exitCode.js"
import { toCommandError } from "../../exit/failing.js"
import { flagOf, type ServerFlags } from "../../terminal/shell.js"
import * as Ledger from "../batch/ledger.js"
import type { ComparedFlags, DefinedFlags, SelectedFlags, StoredFlags } from "./flags.js"

/** The exit codes of eval commands. 0: nothing is worse. */
export const codes = { worse: 1, definition: 2, environment: 3, incomplete: 4 } as const

type Failure = EvalError | BatchCommandError | NoukaiError | CommandError | UsageError

/** The flags of a command that name its definition and its server. */
type Source = Pick<DefinedFlags, "file"> & ServerFlags

const operations = new Set(
  ["plan", "run", "runMatrix", "score", "matrix", "report", "cases"].map((name) => `Eval.${name}`)
)

/** The options of operations that are flags. Other places of an operation are in the definition. */
const options = new Set([
  "allowErrors",
  "candidate",
  "candidates",
  "baseline",
  "repeat",
  "record",
  "replay",
  "resume",
  "select",
  "first",
  "failing"
])

/** Faults of a disk, not of a path. */
const diskFaults = new Set(["EDQUOT", "EIO", "ENOSPC", "EROFS"])

/** Why a cassette cannot be replayed, however often that is tried. */
const wrongCassette = new Set<CassetteError["reason"]>(["NotFound", "Invalid", "NewerFormat"])

/** Returns the failure of an eval command. An error that is not of the definition is one of the environment. */
const failure = (error: Failure, input: Source): CommandError => {
  const of = (code: number, message = error.message) => new CommandError({ message, code, kind: error._tag })
  switch (error._tag) {
    case "InvalidEvalError": {
      const { at, field, reason } = error
      const place = at === "EvalFile.draft"
        ? flagOf(field)
        : !operations.has(at)
        ? `${at}: ${field}`
        : options.has(field.split(".", 1)[0]!)
        ? flagOf(field.replace(/^candidates.*/, "candidate"))
        : `${input.file}: ${field}`
      return of(codes.definition, `${place} ${reason}`)
    }
    case "EvalFileError": {
      const isOfDisk = Predicate.hasProperty(error.cause, "code") && diskFaults.has(String(error.cause.code))
      return of(isOfDisk ? codes.environment : codes.definition)
    }
    case "EvalNotFoundError":
      return of(codes.definition)
    case "CommandError":
      // a spread has no message
      return error.code !== exitCodes.refused
        ? error
        : new CommandError({ ...error, message: error.message, code: codes.environment })
    default: {
      const { advice, code, kind, message } = toCommandError(error, "begins", input)
      const isWrong = code === exitCodes.usage || (error._tag === "CassetteError" && wrongCassette.has(error.reason))
      return new CommandError({ message, advice, code: isWrong ? codes.definition : codes.environment, kind })
    }
  }
}

/** Maps errors to the failure of an eval command. */
export const ending =
  (input: Source) => <A, R>(effect: Effect.Effect<A, Failure, R>): Effect.Effect<A, CommandError, R> =>
    Effect.mapError(effect, (error) => failure(error, input))

/** Runs an eval command in a scope, and maps its errors. */
export const asEval = <A, R>(
  command: Effect.Effect<A, Failure, R>,
  input: Source
): Effect.Effect<A, CommandError, Exclude<R, Scope.Scope>> => Effect.scoped(ending(input)(command))

/** Whether a batch of an eval run stopped for some reason. */
const hasStopped = (report: EvalReport, isReason: (stop: BatchStop) => boolean) =>
  report.stop === undefined ? Effect.succeed(false) : Effect.exists(
    Eval.batchIds(report),
    (id) =>
      Batch.status(id).pipe(
        // a replay without a recording has no status
        Effect.map(({ stop }) => stop !== undefined && isReason(stop)),
        Effect.catchTag("BatchNotFoundError", () => Effect.succeed(false))
      )
  )

/** Whether an eval run stopped because the server could not be reached, or refused its runs. */
export const isCutOff = (report: EvalReport) =>
  hasStopped(report, ({ reason, statusCode }) => statusCode !== undefined || reason === "unreachable")

/** Whether an eval run stopped at its budget. */
export const isSpent = (report: EvalReport) => hasStopped(report, ({ reason }) => reason === "budget")

type AnyEval = Eval.Eval<unknown>

const isEval = (value: unknown): value is AnyEval => Predicate.hasProperty(value, Eval.TypeId)

/** Returns the eval that a module exports: its default, or its only one. */
const inModule = Effect.fnUntraced(function*(file: string) {
  const exported = yield* Effect.tryPromise({
    try: (): Promise<{ readonly [name: string]: unknown }> =>
      import(/* @vite-ignore */ pathToFileURL(resolve(file)).href),
    catch: (cause) => {
      const said = Values.reason(cause).split("\n", 1)[0]
      return wrong(`${file} cannot be loaded: ${said}`)
    }
  })
  const all = [...new Set(Object.values(exported).filter(isEval))]
  const one = isEval(exported["default"]) ? exported["default"] : all.length === 1 ? all[0] : undefined
  return one ?? (yield* wrong(
    all.length === 0
      ? `${file} exports no eval: make one with Eval.make, and export it`
      : `${file} exports ${all.length} evals: make one of them the default export`
  ))
})

/** Reads the definition: JSON or YAML, or a module that exports an eval. */
export const definition = ({ file }: DefinedFlags): Effect.Effect<AnyEval, EvalError | UsageError> =>
  /\.[cm]?[jt]s$/i.test(file) ? inModule(file) : EvalFile.load(file)

/** The store of the ledger. A command that only reads requires one that exists. */
export const store = (name: string, { ledger }: DefinedFlags, isRead: boolean) =>
  isRead
    ? Ledger.existing({ id: name, ledger })
    : Layer.unwrapEffect(Effect.map(Ledger.path({ id: name, ledger }), (file) => BatchStore.layerFile(file)))

/**
 * Reads a side: one of the definition, a version, or a flow with or without a version. A flow without organisation and
 * project has a version.
 */
const side = ({ sides = {} }: AnyEval, flag: string, text: string): Effect.Effect<Side, UsageError> => {
  if (Object.hasOwn(sides, text)) {
    const found = sides[text]!
    return Effect.succeed({ ...Predicate.isObject(found) ? found : { version: found }, name: text })
  }
  if (!/[/@]/.test(text)) return Values.flowVersion(text, flag)
  const at = text.lastIndexOf("@")
  return at === -1
    ? Effect.succeed({ flow: text })
    : Effect.map(Values.flowVersion(text.slice(at + 1), flag), (version) => ({ flow: text.slice(0, at), version }))
}

/** Reads the sides. A baseline that ends with `.json` is a file. Without flags, a resumed run keeps its sides. */
export const sides = Effect.fnUntraced(function*(one: AnyEval, input: ComparedFlags, isResumed = false) {
  if (Option.isSome(input.record) && Option.isSome(input.replay)) {
    return yield* wrong("give --record or --replay, not both")
  }
  const baseline = Option.getOrElse(input.baseline, () => isResumed ? "none" : "production")
  const stored = baseline.endsWith(".json") ? yield* Baseline.read(baseline, one.name) : undefined
  const candidates = yield* Effect.forEach(input.candidate, (text) => side(one, "--candidate", text))
  return {
    candidates: candidates.length === 0 ? undefined : candidates,
    stored,
    baseline: stored ?? (baseline === "none" ? undefined : yield* side(one, "--baseline", baseline)),
    repeat: Option.getOrUndefined(input.repeat),
    record: Option.getOrUndefined(input.record),
    replay: Option.getOrUndefined(input.replay)
  }
})

/** Reads the cases of a run. `run` is the id of the run in which cases failed. */
export const selection = ({ failing, first, select }: SelectedFlags, run: Option.Option<string>) => ({
  select: select.length === 0 ? undefined : { key: select.map((text) => text.replace(/^key:/, "")) },
  first: Option.getOrUndefined(first),
  failing: failing ? Option.getOrElse(run, () => true as const) : undefined
})

/** Reads a stored run, and the baseline file that it is compared with. */
export const stored = Effect.fnUntraced(function*(one: AnyEval, input: StoredFlags) {
  return {
    run: Option.getOrUndefined(input.run),
    baseline: yield* Values.when(input.baseline, (path) => Baseline.read(path, one.name)),
    allowErrors: Option.getOrUndefined(input.allowErrors)
  }
})

/** Reads a stored run: all its candidates, or the one that the flag names. */
export const read = Effect.fnUntraced(function*(
  one: AnyEval,
  { candidate: flag }: { readonly candidate: Option.Option<string> },
  options: Omit<ReportOptions, "candidate">
) {
  if (Option.isNone(flag)) return yield* Eval.matrix(one, options)
  const candidate = yield* side(one, "--candidate", flag.value)
  const report = yield* Eval.report(one, { ...options, candidate })
  const matrix: EvalMatrix = { ...report, reports: [report] }
  return matrix
})
