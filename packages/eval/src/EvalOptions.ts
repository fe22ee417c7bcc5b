/**
 * The options of evals.
 *
 * @since 0.1.0
 */
import type { FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"

/**
 * One side of a comparison: a version of the flow of the eval, or another flow with the same cases.
 *
 * @since 0.1.0
 * @category models
 */
export type Side = FlowVersion | {
  readonly flow: FlowRef<never>
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
}

/**
 * Limits that fail the gate, of one check.
 *
 * @since 0.1.0
 * @category options
 */
export interface CheckThresholds {
  /**
   * The number of cases that may regress. `"significant"`: any number, unless more regress than are fixed and the exact
   * McNemar test has p < 0.05. Default: the limit of the eval, or 0.
   */
  readonly maxRegressed?: number | "significant" | undefined
  /** The least share of cases that pass, from 0 to 1. Default: none. */
  readonly minPassRate?: number | undefined
}

/**
 * Limits that fail the gate. Those of `maxRegressed` and `minPassRate` are of all checks together: a case passes if
 * every check passes.
 *
 * @since 0.1.0
 * @category options
 */
export interface Thresholds extends CheckThresholds {
  /** The limits of single checks, by their names. */
  readonly checks?: { readonly [check: string]: CheckThresholds } | undefined
  /** The limit of the cost of all runs of the candidate: a number, or exact decimal text. Default: none. */
  readonly maxCostUsd?: number | string | undefined
  /** The limit of the cost of the candidate divided by the cost of the baseline: 1.1 is 10 % more. Default: none. */
  readonly maxCostRatio?: number | undefined
  /** The limit of the median time difference, candidate minus baseline, in milliseconds. Default: none. */
  readonly maxMedianMs?: number | undefined
}
