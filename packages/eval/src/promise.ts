// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Evals for programs without Effect.
 *
 * @since 0.1.0
 */
import { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import type { ClientOptions } from "@effect-noukai/batch/promise"
import { Noukai } from "@effect-noukai/promise/Noukai"
import * as NoukaiPromise from "@effect-noukai/promise/NoukaiPromise"
import type { Names } from "@effect-noukai/sdk/kit/names"
import { layer as configLayer, type NoukaiConfig } from "@effect-noukai/sdk/NoukaiConfig"
import { layer as sessionLayer, type SessionService } from "@effect-noukai/sdk/SessionService"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import * as Check from "./Check.js"
import * as Eval from "./Eval.js"
import { InvalidEvalError } from "./EvalError.js"
import * as EvalFile from "./EvalFile.js"
import type { EvalPlan, MatrixOptions, ReportOptions, RunOptions, ScoreOptions } from "./EvalOptions.js"
import type { CaseVerdict, EvalMatrix, EvalReport } from "./EvalReport.js"
import type { EvalRun } from "./EvalRun.js"
import { matrixNames, named, reportNames, runNames, scoreNames } from "./internal/names.js"

/**
 * The ledger of eval runs, and the server that runs flows: earlier results of another server are not used. `org` and
 * `project` are those of flows named by a slug alone.
 *
 * @since 0.1.0
 * @category options
 */
export interface LedgerOptions extends Pick<ClientOptions, "env" | "port" | "org" | "project"> {
  /** The path of the ledger file, which a run creates if it is missing. One process works on it at a time. */
  readonly ledger: string
}

/**
 * The client and the ledger of an eval run.
 *
 * @since 0.1.0
 * @category options
 */
export interface PromiseOptions extends ClientOptions, LedgerOptions {
  /** After an abort no more runs begin, and the promise rejects with the reason of the signal. Default: none. */
  readonly signal?: AbortSignal | undefined
}

const ledgerNames: Names<LedgerOptions> = { env: true, port: true, org: true, project: true, ledger: true }

/** Programs pass one object of options to all functions, so each of them knows the options of all. */
const names: Names<(RunOptions | MatrixOptions | ScoreOptions | ReportOptions) & PromiseOptions> = {
  ...runNames,
  ...matrixNames,
  ...scoreNames,
  ...ledgerNames,
  apiKey: true,
  timeout: true,
  maxRetries: true,
  onLog: true,
  logPayloads: true,
  dispatcher: "or null",
  fetch: true,
  signal: true
}

/** The options of an operation among those of a function. Fails if one of them is unknown. */
const taken = <A extends object>(operation: string, options: A & LedgerOptions, own: Names<A>) =>
  Effect.as(named(operation, options, names), Struct.pick(options, ...Struct.keys(own)) as unknown as A)

/** Settles as an effect does: it rejects with the error itself. */
const settled: <A>(effect: Effect.Effect<A, unknown>) => Promise<A> = async (effect) => {
  const exit = await Effect.runPromiseExit(effect)
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

/** The ledger, and the names of flows and of their server. Clients have a key of their own. */
const layerOf = ({ env, ledger, org, port, project }: LedgerOptions): Layer.Layer<BatchStore | NoukaiConfig, unknown> =>
  typeof ledger === "string" && ledger !== ""
    ? Layer.merge(BatchStore.layerFile(ledger), configLayer({ env, port, org, project, apiKey: Redacted.make("nk_") }))
    : Layer.fail(new InvalidEvalError({ at: "the options", field: "ledger", reason: "must be the path of a file" }))

/** Runs an operation with the services of a client. */
const withClient: <A>(
  options: PromiseOptions,
  effect: Effect.Effect<A, unknown, BatchEngine | BatchStore | NoukaiPromise.Services | SessionService>
) => Promise<A> = async (options, effect) => {
  const { apiKey, dispatcher, env, fetch, logPayloads, maxRetries, onLog, org, port, project, signal, timeout } =
    options
  const client = { apiKey, env, port, org, project, timeout, maxRetries, onLog, logPayloads, dispatcher, fetch }
  await using noukai = new Noukai(client)
  return await NoukaiPromise.run(
    noukai,
    Effect.provide(effect, Layer.mergeAll(layerOf(options), BatchEngine.layerLocal, sessionLayer)),
    { signal }
  )
}

/**
 * Creates a check by an async function. A function that throws or rejects is an error and not a fail. Otherwise as
 * `Check.make`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = <Case, A = unknown>(
  verdict: (value: Case, run: EvalRun<A>) => Check.Answer | Promise<Check.Answer>,
  options?: Parameters<typeof Check.make>[1]
): Check.Check<Case, A> =>
  Check.make<Case, A>(
    (value, run) => Effect.promise(async () => verdict(value, run)),
    { definition: String(verdict), ...options }
  )

/**
 * Reads an eval from a file of JSON or YAML. The modules that it names for checks are loaded: their code runs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const loadEval = (path: string, options?: EvalFile.ReadOptions): Promise<Eval.Eval<unknown>> =>
  settled(EvalFile.load(path, options))

/**
 * A dry run: as `Eval.plan`.
 *
 * @since 0.1.0
 * @category operations
 */
export const planEval = <Case, A, E>(
  self: Eval.Eval<Case, A, E>,
  options: RunOptions & LedgerOptions
): Promise<EvalPlan> =>
  settled(Effect.flatMap(
    taken<RunOptions>("planEval", options, runNames),
    (own) => Effect.provide(Eval.plan(self, own), layerOf(options))
  ))

/**
 * Runs an eval and returns its report: as `Eval.run`. To continue after a stop or a crash, call it with `resume`.
 *
 * Rejects with an `InvalidEvalError` for a wrong definition or option, and with the errors of the client and of the
 * ledger.
 *
 * @example
 * ```ts
 * import { BatchSource } from "@effect-noukai/batch"
 * import { Check, Eval } from "@effect-noukai/eval"
 * import { check, runEval } from "@effect-noukai/eval/promise"
 *
 * interface Essay {
 *   readonly id: string
 *   readonly text: string
 * }
 *
 * const spelling = (essays: ReadonlyArray<Essay>) =>
 *   Eval.make("spelling", {
 *     flow: "acme/spelling/grade-3",
 *     cases: essays,
 *     key: (essay) => essay.id,
 *     input: (essay) => ({ message: essay.text })
 *   }, {
 *     short: check(async (essay: Essay, run) => JSON.stringify(run.result).length < essay.text.length),
 *     cheap: Check.maxCostUsd("0.002")
 *   })
 *
 * const gate = async (essays: ReadonlyArray<Essay>) => {
 *   const { gate, sentence } = await runEval(spelling(essays), { ledger: "evals.ledger", baseline: "production" })
 *   if (gate !== "passed") throw new Error(sentence)
 * }
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const runEval = <Case, A, E>(
  self: Eval.Eval<Case, A, E>,
  options: RunOptions & PromiseOptions
): Promise<EvalReport> =>
  settled(taken<RunOptions>("runEval", options, runNames)).then((own) => withClient(options, Eval.run(self, own)))

/**
 * Runs an eval with several candidates: as `Eval.runMatrix`. Otherwise as {@link runEval}.
 *
 * @since 0.1.0
 * @category operations
 */
export const runEvalMatrix = <Case, A, E>(
  self: Eval.Eval<Case, A, E>,
  options: MatrixOptions & PromiseOptions
): Promise<EvalMatrix> =>
  settled(taken<MatrixOptions>("runEvalMatrix", options, matrixNames)).then((own) =>
    withClient(options, Eval.runMatrix(self, own))
  )

/**
 * Judges the stored runs of an eval run again: as `Eval.score`.
 *
 * @since 0.1.0
 * @category operations
 */
export const scoreEval = <Case, A, E>(
  self: Eval.Eval<Case, A, E>,
  options: ScoreOptions & PromiseOptions
): Promise<EvalReport> =>
  settled(taken<ScoreOptions>("scoreEval", options, scoreNames)).then((own) =>
    withClient(options, Eval.score(self, own))
  )

/**
 * The report of an eval run, from the ledger alone: as `Eval.report`.
 *
 * @since 0.1.0
 * @category operations
 */
export const evalReport = <Case, A, E>(
  self: Eval.Eval<Case, A, E>,
  options: ReportOptions & LedgerOptions
): Promise<EvalReport> =>
  settled(Effect.flatMap(
    taken<ReportOptions>("evalReport", options, reportNames),
    (own) => Effect.provide(Eval.report(self, own), layerOf(options))
  ))

/**
 * The reports of all candidates of an eval run, from the ledger alone: as `Eval.matrix`.
 *
 * @since 0.1.0
 * @category operations
 */
export const evalMatrix = <Case, A, E>(
  self: Eval.Eval<Case, A, E>,
  options: Omit<ReportOptions, "candidate"> & LedgerOptions
): Promise<EvalMatrix> =>
  settled(Effect.flatMap(
    taken<Omit<ReportOptions, "candidate">>("evalMatrix", options, Struct.omit(reportNames, "candidate")),
    (own) => Effect.provide(Eval.matrix(self, own), layerOf(options))
  ))

/**
 * The verdicts of the cases of an eval run, from the ledger alone: as `Eval.cases`. Leaving the loop closes the ledger.
 *
 * @since 0.1.0
 * @category operations
 */
export const evalCases = <Case, A, E>(
  self: Eval.Eval<Case, A, E>,
  options: ReportOptions & LedgerOptions
): AsyncIterable<CaseVerdict> =>
  Stream.toAsyncIterable(Stream.flatMap(
    taken<ReportOptions>("evalCases", options, reportNames),
    (own) => Stream.provideLayer(Eval.cases(self, own), layerOf(options))
  ))
