/**
 * The part of the studio's API that compares two runs.
 *
 * @since 0.1.0
 */
import type { StepDiff, TraceDiff } from "@effect-noukai/report/TraceDiff"
import type { Part } from "@effect-noukai/sdk/ValueDiff"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as Schema from "effect/Schema"
import { Index, json, NotFound, Run, Unavailable } from "./RunsApi.js"

/**
 * Two runs and their differences.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunComparison {
  readonly before: Run
  readonly after: Run
  /**
   * The differences. Each payload has at most the path of its first difference: {@link StepComparison} has all of them. A run
   * that goes on has the steps so far: read again when it has ended.
   */
  readonly difference: TraceDiff
  /** The `noukai diff` command. */
  readonly command: string
  /** The missing facts, each with a remedy: a run that goes on, payloads that were not captured. */
  readonly notes: ReadonlyArray<string>
}

/**
 * One step of a comparison, with at most 1,000 differences of each payload. Long texts are cut.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepComparison {
  readonly step: StepDiff
  /** The words of the first 20 differences of long texts: one of the two has more than 80 characters. */
  readonly parts: ReadonlyArray<{
    readonly of: "input" | "output" | "error"
    readonly path: string
    readonly parts: ReadonlyArray<Part>
  }>
}

/**
 * The runs of a flow around a failed run, as far as the list knows them.
 *
 * @since 0.1.0
 * @category models
 */
export const FailureHistory = Schema.Struct({
  /** The error of the run. Absent if it did not fail, or if its error was not stored. */
  error: Schema.optional(Schema.Struct({
    stepId: Schema.String,
    /** As of {@link Run}. */
    error: Schema.String,
    problem: Schema.optional(Schema.String)
  })),
  /** The number of runs with this error: this run, and others that were looked at. */
  seen: Schema.Number,
  /** The earliest of them. */
  firstSeen: Schema.optional(Run),
  /** The number of failed runs that were looked at: this one, those whose rows tell their error, and the newest 50 others. */
  looked: Schema.Number,
  /** The number of failed runs of the list. */
  failed: Schema.Number,
  /** The number of failed runs that could not be read. */
  unread: Schema.Number,
  /** The completed run whose input is the same, otherwise the one with the fewest different values; the newest of several. */
  good: Schema.optional(Schema.Struct({
    run: Run,
    /** `unknown`: one of the two inputs is not stored whole. */
    input: Schema.Literal("same", "near", "unknown"),
    /** The number of values by which the inputs differ, at most 1,000. */
    differences: Schema.Number
  })),
  /** The number of completed runs whose inputs were compared: at most 20, the newest, and none after one with the same input. */
  compared: Schema.Number,
  /** The number of completed runs of the list that began before this run, or of all if none did. */
  completed: Schema.Number,
  /** Whether no completed run began before this run, so that `good` began after it. */
  isLater: Schema.Boolean
})

/** @since 0.1.0 */
export interface FailureHistory extends Schema.Schema.Type<typeof FailureHistory> {}

const PairAddress = {
  beforeFlow: Schema.String,
  before: Schema.String,
  afterFlow: Schema.String,
  after: Schema.String
}

/**
 * The endpoints of comparisons. All are reads.
 *
 * @since 0.1.0
 * @category api
 */
export const compareGroup = HttpApiGroup.make("compare")
  .add(HttpApiEndpoint.get("diff", "/diff").setUrlParams(Schema.Struct(PairAddress)).addSuccess(json<RunComparison>()))
  /** The step at this place of `difference.steps`, from 0. */
  .add(
    HttpApiEndpoint.get("stepDiff", "/diff/step")
      .setUrlParams(Schema.Struct({ ...PairAddress, at: Index }))
      .addSuccess(json<StepComparison>())
  )
  /** Reads at most 71 runs: none of the failed ones whose rows tell their error. */
  .add(
    HttpApiEndpoint.get("failure", "/failure")
      .setUrlParams(Schema.Struct({ flow: Schema.String, id: Schema.String }))
      .addSuccess(FailureHistory)
  )
  .addError(NotFound)
  .addError(Unavailable)
