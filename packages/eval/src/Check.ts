/**
 * Checks: functions of a case and a run, which pass or fail with a reason.
 *
 * @since 0.1.0
 */
import type { JobInput } from "@effect-noukai/batch/Batch"
import type { FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import type * as Effect from "effect/Effect"
import type { EvalRun, JudgeRun, Outcome } from "./EvalRun.js"

/**
 * Marks the checks of this module.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/eval/Check")

/**
 * Marks the checks of this module.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * The data that a check needs beside the result of a run. Where it is missing, the verdict is an error.
 *
 * @since 0.1.0
 * @category models
 */
export interface Needs {
  /** The ids of steps whose outputs it reads. They need captured payloads. */
  readonly steps: ReadonlyArray<string>
  /** Whether it reads the calls of tools. */
  readonly calls: boolean
  /** Whether it reads the cost of the run. */
  readonly cost: boolean
  /** Whether it reads the time of the run. */
  readonly duration: boolean
}

/**
 * The flow that judges a run. Its run is kept and billed like any other, and it runs once for each input.
 *
 * @since 0.1.0
 * @category models
 */
export interface Judge<in Case, in A = unknown> {
  readonly flow: FlowRef<never>
  readonly version: FlowVersion
  /** The input of the judge. If it throws, the verdict is an error. */
  readonly input: (value: Case, run: EvalRun<A>) => JobInput
}

/**
 * A check of a run on a case `Case` with a result `A`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Check<in Case = unknown, in A = unknown, out R = never> {
  readonly [TypeId]: TypeId
  /** The name of its constructor: `equals`. */
  readonly kind: string
  /** Everything that its verdict depends on, as text. A changed text makes its verdicts incomparable. */
  readonly definition: string
  readonly needs: Needs
  /** The judge, if a flow judges. */
  readonly judge?: Judge<Case, A>
  /** Why the check cannot be used, if it was made wrongly. Refused before anything is sent. */
  readonly problem?: string
  /** The verdict on a run that is `done`. `judged` is the run of the judge. It does not fail: failures are errors. */
  readonly verdict: (value: Case, run: EvalRun<A>, judged?: JudgeRun) => Effect.Effect<Outcome, never, R>
}
