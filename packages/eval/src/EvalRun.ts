/**
 * One run of a flow on one case, and the outcome of a check on it.
 *
 * @since 0.1.0
 */
import type { RowResult } from "@effect-noukai/batch/BatchRow"
import * as Schema from "effect/Schema"

/**
 * One run of a flow on one case: its row in the ledger. Checks judge a run whose `state` is `done`; it alone has a result.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalRun<out A = unknown> extends
  Pick<
    RowResult<A>,
    | "flow"
    | "version"
    | "state"
    | "result"
    | "error"
    | "executionId"
    | "costUsd"
    | "attemptsCostUsd"
    | "isAttemptsCostUnknown"
    | "durationMs"
    | "tokens"
    | "calls"
    | "steps"
  >
{
  /** The key of the case. */
  readonly key: string
  /** The number of the trial, from 1. */
  readonly trial: number
}

/**
 * The run of a judge: a flow that judges the run of another flow.
 *
 * @since 0.1.0
 * @category models
 */
export type JudgeRun = Pick<EvalRun, "state" | "result" | "error" | "executionId" | "costUsd">

/**
 * The outcome of a check on one run. An `error` is neither a pass nor a fail: data is missing, the judge or the network
 * failed, or the check threw.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Outcome = Schema.Struct({
  verdict: Schema.Literal("pass", "fail", "error"),
  /** The reason, in one line, for people. */
  reason: Schema.String,
  /** From 0 to 1, if the check has a score. */
  score: Schema.optionalWith(Schema.Number, { exact: true }),
  /** The expected value, if the check has one. */
  expected: Schema.optionalWith(Schema.Unknown, { exact: true }),
  /** The value that the run has in its place. */
  actual: Schema.optionalWith(Schema.Unknown, { exact: true })
})

/**
 * The outcome of a check on one run.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = typeof Outcome.Type
