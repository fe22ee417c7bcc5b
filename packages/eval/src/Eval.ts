/**
 * A comparison of two versions of a flow, on the same cases, by the same checks.
 *
 * @since 0.1.0
 */
import type { JobInput, RequestInput } from "@effect-noukai/batch/Batch"
import type { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import type { BatchSource } from "@effect-noukai/batch/BatchSource"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import type { Flow, FlowService, JobService, NoukaiError, RunService, SessionService, Tools } from "@effect-noukai/sdk"
import type { AnyParameters, FlowRef } from "@effect-noukai/sdk/Flow"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Check } from "./Check.js"
import type { EvalError } from "./EvalError.js"
import type {
  EvalPlan,
  EvalRunInfo,
  MatrixOptions,
  ReportOptions,
  RunOptions,
  ScoreOptions,
  Side,
  Thresholds
} from "./EvalOptions.js"
import type { CaseVerdict, EvalMatrix, EvalReport } from "./EvalReport.js"
import * as Definition from "./internal/definition.js"
import * as Facts from "./internal/run/facts.js"
import * as RunEval from "./internal/run/runEval.js"

export type {
  CheckThresholds,
  EvalPlan,
  EvalRunInfo,
  LimitOptions,
  MatrixOptions,
  ReportOptions,
  RunOptions,
  ScoreOptions,
  SelectOptions,
  Side,
  Thresholds
} from "./EvalOptions.js"

/**
 * Marks the evals of {@link make}.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: typeof Definition.TypeId = Definition.TypeId

/**
 * Marks the evals of {@link make}.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * An eval: a flow, the cases that it runs on, and the checks of its runs. `E` and `R` are of its source of cases and
 * its checks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Eval<in out Case, out A = unknown, out E = never, out R = never> {
  readonly [TypeId]: {
    readonly _Case: (_: Case) => Case
    readonly _A: () => A
    readonly _E: () => E
    readonly _R: () => R
  }
  readonly name: string
  readonly flow: Flow.Flow<never, A> | string
  readonly sides?: { readonly [name: string]: Side } | undefined
  readonly marks?: string | undefined
}

interface Common<S, Case, CaseI, P, A, E, R> {
  readonly flow: FlowRef<P, A>
  /** The cases. Files, or values. */
  readonly cases: BatchSource<S, E, R> | Iterable<S>
  /** Decodes a case of the source. Default: cases are not decoded. */
  readonly case?: Schema.Schema<Case, CaseI> | undefined
  /** The key of a case, unique in the eval: at most 512 UTF-16 code units. */
  readonly key: (value: Case) => string
  /**
   * The names of the checks that judge a case: a list, or a text with commas or spaces between. Another name is refused
   * before anything is sent. Default: all, also if there are none.
   */
  readonly checksOf?: ((value: Case) => ReadonlyArray<string> | string | undefined) | undefined
  /**
   * The least weighted mean of the scores of a case that passes, from 0 to 1. A pass without a score counts as 1, a fail
   * as 0. An error is an error. Checks may then regress, unless thresholds limit them. Default: every check must pass.
   */
  readonly minMean?: number | undefined
  /** The weights of checks in the mean, by their names: at least 0. Requires `minMean`. Default: 1. */
  readonly weights?: { readonly [check: string]: number } | undefined
  /** Sides by names, which flags of the command take in place of a version. Default: none. */
  readonly sides?: { readonly [name: string]: Side } | undefined
  /**
   * The path of the file with the marks of people, which count as a check `human` where there are any. Default: none; of
   * a definition in a file, `spelling.marks.jsonl` beside `spelling.eval.yaml`.
   */
  readonly marks?: string | undefined
  /** Default: no case may regress. */
  readonly thresholds?: Thresholds | undefined
}

/**
 * The options of an eval whose runs are jobs of the queue.
 *
 * @since 0.1.0
 * @category options
 */
export interface JobOptions<S, Case, CaseI, P, A, E, R, I extends JobInput<P> = JobInput<P>>
  extends Common<S, Case, CaseI, P, A, E, R>
{
  readonly operation?: "jobs" | undefined
  /** The input of the runs of a case. It must depend on the case alone. */
  readonly input: (value: Case) => I
}

/**
 * The options of an eval whose runs are requests.
 *
 * @since 0.1.0
 * @category options
 */
export interface RequestOptions<S, Case, CaseI, P, A, E, R, I extends RequestInput<P> = RequestInput<P>>
  extends Common<S, Case, CaseI, P, A, E, R>
{
  /** For inputs that the queue does not take: conversations, attachments and tools. */
  readonly operation: "execute"
  /** The input of the runs of a case. It must depend on the case alone. */
  readonly input: (value: Case) => I
  /** Tools of every run. Default: none. */
  readonly tools?: Tools.ToolSet<NoukaiError, never> | undefined
}

/** The requirements of checks. */
type Context<C> = C extends Check<never, never, infer R> ? R : never

/**
 * Creates an eval of checks by their names. Nothing is sent or written before it is planned or run, which refuses a
 * wrong definition.
 *
 * The checks are an argument of their own: TypeScript then infers the case and the result for their functions from the
 * options.
 *
 * @example
 * ```ts
 * import { BatchSource } from "@effect-noukai/batch"
 * import { Check, Eval } from "@effect-noukai/eval"
 * import { Flow } from "@effect-noukai/sdk"
 * import { Schema } from "effect"
 *
 * const Grade = Flow.make("acme/spelling/grade-3", { result: Schema.Struct({ score: Schema.Number }) })
 *
 * const spelling = Eval.make("spelling", {
 *   flow: Grade,
 *   cases: BatchSource.fromJsonl("cases.jsonl"),
 *   case: Schema.Struct({ id: Schema.String, text: Schema.String, expected: Schema.Number }),
 *   key: (c) => c.id,
 *   input: (c) => ({ message: c.text })
 * }, {
 *   score: Check.equals((c) => c.expected, { at: "score" }),
 *   cheap: Check.maxCostUsd("0.002")
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <
    S,
    Case = S,
    CaseI = Case,
    P = AnyParameters,
    A = unknown,
    E = never,
    R = never,
    Checks extends { readonly [name: string]: Check<Case, A, unknown> } = { readonly [name: string]: never },
    const I extends JobInput<P> = JobInput<P>
  >(
    name: string,
    options: JobOptions<S, Case, CaseI, P, A, E, R, I>,
    checks: Checks
  ): Eval<Case, A, E, R | Context<Checks[keyof Checks]>>
  <
    S,
    Case = S,
    CaseI = Case,
    P = AnyParameters,
    A = unknown,
    E = never,
    R = never,
    Checks extends { readonly [name: string]: Check<Case, A, unknown> } = { readonly [name: string]: never },
    const I extends RequestInput<P> = RequestInput<P>
  >(
    name: string,
    options: RequestOptions<S, Case, CaseI, P, A, E, R, I>,
    checks: Checks
  ): Eval<Case, A, E, R | Context<Checks[keyof Checks]>>
} = Definition.make as never

/** The services that runs need beside their engine and ledger. */
type Clients = FlowService | JobService | RunService | SessionService

/**
 * A dry run: checks the definition and every case, and counts the runs that are missing. Nothing is sent or written.
 *
 * @since 0.1.0
 * @category operations
 */
export const plan: <Case, A, E, R>(
  self: Eval<Case, A, E, R>,
  options?: RunOptions | MatrixOptions
) => Effect.Effect<EvalPlan, EvalError | E, BatchStore | R> = RunEval.plan as never

/**
 * Runs the cases on both sides, then the judges, and returns the report. Each call is a new eval run, unless it resumes
 * one. Results of numbered versions, also of judges, are taken from earlier eval runs of the ledger.
 *
 * All cases are checked first: it fails before anything is sent if one cannot be used. After an interruption or a crash,
 * resume the run: no run of a flow starts twice.
 *
 * @example
 * ```ts
 * import { BatchEngine, BatchStore } from "@effect-noukai/batch"
 * import { Check, Eval } from "@effect-noukai/eval"
 * import { NoukaiLive } from "@effect-noukai/sdk"
 * import { Effect, Layer } from "effect"
 *
 * const spelling = Eval.make("spelling", {
 *   flow: "acme/spelling/grade-3",
 *   cases: [{ id: "1", text: "The cat sat." }],
 *   key: (c) => c.id,
 *   input: (c) => ({ message: c.text })
 * }, { cheap: Check.maxCostUsd("0.002") })
 *
 * const program = Eval.run(spelling, { candidate: "draft", baseline: "production" }).pipe(
 *   Effect.provide(Layer.mergeAll(BatchStore.layerFile("evals.ledger"), BatchEngine.layerLocal, NoukaiLive))
 * )
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const run: <Case, A, E, R>(
  self: Eval<Case, A, E, R>,
  options?: RunOptions
) => Effect.Effect<EvalReport, EvalError | E, BatchEngine | BatchStore | Clients | R> = RunEval.run as never

/**
 * Runs the cases on all sides, each once, and compares each candidate with the baseline, as {@link run} does.
 *
 * @example
 * ```ts
 * import { Check, Eval } from "@effect-noukai/eval"
 *
 * const spelling = Eval.make("spelling", {
 *   flow: "acme/spelling/grade-3",
 *   cases: [{ id: "1", text: "The cat sat." }],
 *   key: (c) => c.id,
 *   input: (c) => ({ message: c.text })
 * }, { cheap: Check.maxCostUsd("0.002") })
 *
 * const program = Eval.runMatrix(spelling, {
 *   candidates: ["draft", 3, { name: "small", version: "draft", blockOverrides: { grade: { model: "small" } } }],
 *   baseline: "production"
 * })
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const runMatrix: <Case, A, E, R>(
  self: Eval<Case, A, E, R>,
  options?: MatrixOptions
) => Effect.Effect<EvalMatrix, EvalError | E, BatchEngine | BatchStore | Clients | R> = RunEval.runMatrix as never

/**
 * The reports of all candidates of an eval run. Otherwise as {@link report}, which has one of them.
 *
 * @since 0.1.0
 * @category operations
 */
export const matrix: <Case, A, E, R>(
  self: Eval<Case, A, E, R>,
  options?: Omit<ReportOptions, "candidate">
) => Effect.Effect<EvalMatrix, EvalError | E, BatchStore | R> = RunEval.matrix as never

/**
 * Judges the stored runs of an eval run by the checks of the definition, which may have changed since. Flows do not run
 * again. Judges run where they have not judged an input, or failed; with `judgeAgain`, also at `production` and `draft`.
 *
 * @since 0.1.0
 * @category operations
 */
export const score: <Case, A, E, R>(
  self: Eval<Case, A, E, R>,
  options?: ScoreOptions
) => Effect.Effect<EvalReport, EvalError | E, BatchEngine | BatchStore | Clients | R> = RunEval.score as never

/**
 * The report of an eval run, by the checks of the definition. It reads the ledger alone and sends nothing: a verdict
 * whose judge did not run is an error.
 *
 * Fails with `EvalNotFoundError` if the ledger does not have the run.
 *
 * @since 0.1.0
 * @category operations
 */
export const report: <Case, A, E, R>(
  self: Eval<Case, A, E, R>,
  options?: ReportOptions
) => Effect.Effect<EvalReport, EvalError | E, BatchStore | R> = RunEval.report as never

/**
 * The verdicts of the cases of an eval run, in the order of the source, with the outputs of both sides. Otherwise as
 * {@link report}.
 *
 * @since 0.1.0
 * @category operations
 */
export const cases: <Case, A, E, R>(
  self: Eval<Case, A, E, R>,
  options?: ReportOptions
) => Stream.Stream<CaseVerdict, EvalError | E, BatchStore | R> = RunEval.cases as never

/**
 * The eval runs of a ledger, or those of the eval of a name, the oldest first.
 *
 * @since 0.1.0
 * @category operations
 */
export const runs: (name?: string) => Effect.Effect<ReadonlyArray<EvalRunInfo>, EvalError, BatchStore> = Facts.list

/**
 * The ids of the batches of an eval run in its ledger: of its runs, and of its judges. The second batch exists once a
 * judge has run. `Batch.status` returns why a batch stopped.
 *
 * @since 0.1.0
 * @category conversions
 */
export const batchIds: (run: Pick<EvalRunInfo, "eval" | "run">) => readonly [runs: string, judges: string] = (run) => [
  Facts.batchId(run),
  Facts.judgesId(run)
]
