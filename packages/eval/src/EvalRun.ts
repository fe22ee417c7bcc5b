/**
 * One run of a flow on one case, and the outcome of a check on it.
 *
 * @since 0.1.0
 */
import type { RowError, RowResult, RowState, RowTokens } from "@effect-noukai/batch/BatchRow"
import * as Schema from "effect/Schema"

/**
 * A call of a tool that this program answered.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalCall {
  /** The name of the tool. */
  readonly tool: string
  /** The arguments that the model gave. */
  readonly arguments: unknown
  /** The answer of the handler. Absent if it failed. */
  readonly result?: unknown
  /** Why the handler failed. */
  readonly error?: string
}

/**
 * One run of a flow on one case.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalRun<out A = unknown> extends Pick<RowResult, "attemptsCostUsd" | "isAttemptsCostUnknown"> {
  /** The key of the case. */
  readonly key: string
  /** The flow: `org/project/slug`. */
  readonly flow: string
  /** The version of the flow: `production`, `draft`, or a number. */
  readonly version: string
  /** The number of the trial, from 1. */
  readonly trial: number
  /** The state of its row in the ledger. Checks judge a run that is `done`. */
  readonly state: RowState
  /** The result. Present exactly when it is `done`. */
  readonly result?: A
  /** Why it has no result. */
  readonly error?: RowError
  readonly executionId?: string
  /** The cost of the newest attempt in US dollars, as decimal text. Absent if it was not read or is unknown. */
  readonly costUsd?: string
  /** The time in milliseconds. */
  readonly durationMs?: number
  readonly tokens?: RowTokens
  /** The outputs of the steps that checks need, by step id. Absent if payloads were not captured. */
  readonly steps?: { readonly [stepId: string]: unknown }
  /** The calls that our own handlers answered, in order. Absent if they were not kept. */
  readonly calls?: ReadonlyArray<EvalCall>
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
