/**
 * A comparison of two versions of a flow, on the same cases, by the same checks.
 *
 * @since 0.1.0
 */
import type { JobInput, RequestInput } from "@effect-noukai/batch/Batch"
import type { BatchSource } from "@effect-noukai/batch/BatchSource"
import type { Flow, NoukaiError, Tools } from "@effect-noukai/sdk"
import type { AnyParameters, FlowRef } from "@effect-noukai/sdk/Flow"
import type * as Schema from "effect/Schema"
import type { Check } from "./Check.js"
import type { Thresholds } from "./EvalOptions.js"
import * as Definition from "./internal/definition.js"

export type { CheckThresholds, Side, Thresholds } from "./EvalOptions.js"

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
}

interface Common<S, Case, CaseI, P, A, E, R> {
  readonly flow: FlowRef<P, A>
  /** The cases. Files, or values. */
  readonly cases: BatchSource<S, E, R> | Iterable<S>
  /** Decodes a case of the source. Default: cases are not decoded. */
  readonly case?: Schema.Schema<Case, CaseI> | undefined
  /** The key of a case, unique in the eval: at most 512 UTF-16 code units. */
  readonly key: (value: Case) => string
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
