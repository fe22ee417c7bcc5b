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
import { Index, json, NotFound, type Run, Unavailable } from "./RunsApi.js"

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
  .addError(NotFound)
  .addError(Unavailable)
