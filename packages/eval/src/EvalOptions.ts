/**
 * The options of evals.
 *
 * @since 0.1.0
 */
import type { FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { amountOf } from "./internal/values.js"

/** An amount of US dollars. */
const Amount = Schema.Union(Schema.Number, Schema.String).pipe(
  Schema.filter((amount) => Option.isSome(amountOf(amount)), {
    message: () => "must be an amount of at least 0: a number, or decimal text such as \"0.25\"",
    jsonSchema: {}
  })
)

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

const Share = Schema.Number.pipe(Schema.between(0, 1, { message: () => "must be a number from 0 to 1" }))

const limits = {
  /**
   * The number of cases that may regress. `"significant"`: any number, unless more regress than are fixed and the exact
   * McNemar test has p < 0.05. Default: the limit of the eval, or 0.
   */
  maxRegressed: Schema.optional(Schema.Union(Schema.NonNegativeInt, Schema.Literal("significant"))),
  /** The least share of cases that pass, from 0 to 1. Default: none. */
  minPassRate: Schema.optional(Share)
}

/**
 * Limits that fail the gate, of one check.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CheckThresholds = Schema.Struct(limits)

/**
 * Limits that fail the gate, of one check.
 *
 * @since 0.1.0
 * @category options
 */
export type CheckThresholds = typeof CheckThresholds.Type

/**
 * Limits that fail the gate. `maxRegressed` and `minPassRate` are of all checks together: a case passes if every check
 * passes.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Thresholds = Schema.Struct({
  ...limits,
  /** The limits of single checks, by their names. */
  checks: Schema.optional(Schema.Record({ key: Schema.String, value: CheckThresholds })),
  /** The limit of the cost of all runs of the candidate: a number, or exact decimal text. Default: none. */
  maxCostUsd: Schema.optional(Amount),
  /** The limit of the cost of the candidate divided by the cost of the baseline: 1.1 is 10 % more. Default: none. */
  maxCostRatio: Schema.optional(Schema.NonNegative),
  /** The limit of the median time difference, candidate minus baseline, in milliseconds. Default: none. */
  maxMedianMs: Schema.optional(Schema.Finite)
})

/**
 * Limits that fail the gate.
 *
 * @since 0.1.0
 * @category options
 */
export type Thresholds = typeof Thresholds.Type
