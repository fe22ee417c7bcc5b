/**
 * The options of evals.
 *
 * @since 0.1.0
 */
import type { RowSelection, RunOptions as BatchRunOptions } from "@effect-noukai/batch/BatchStatus"
import type { FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import { parseCost } from "@effect-noukai/sdk/Trace"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Baseline } from "./Baseline.js"
import type { EvalReport, SideName } from "./EvalReport.js"
import * as Ranges from "./internal/ranges.js"
import { amountForms } from "./internal/values.js"

/** An amount of US dollars. */
const Amount = Schema.Union(Schema.Number, Schema.String).pipe(
  Schema.filter((amount) => Option.isSome(parseCost(amount)), {
    message: () => amountForms,
    jsonSchema: {}
  })
)

/**
 * One side of a comparison: a version of the flow of the eval, another flow with the same cases, or a version whose
 * blocks are changed, such as their model.
 *
 * @since 0.1.0
 * @category models
 */
export type Side = FlowVersion | {
  /** Default: the flow of the eval. */
  readonly flow?: FlowRef<never> | undefined
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** Fields of blocks that all its runs change, by the ids of steps: `{ grade: { model: "small" } }`. They win over those of a case. */
  readonly blockOverrides?: SideName["blockOverrides"] | undefined
  /** Its name in reports. Default: its version. */
  readonly name?: string | undefined
}

const limits = {
  /**
   * The number of cases that may regress. `"significant"`: any number, unless more regress than are fixed and the exact
   * McNemar test has p < 0.05. Default: the limit of the eval, or 0.
   */
  maxRegressed: Schema.optional(Schema.Union(Ranges.within(Ranges.count), Schema.Literal("significant"))),
  /** The least share of cases that pass, from 0 to 1. Default: none. */
  minPassRate: Schema.optional(Ranges.within(Ranges.share))
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
 * passes, or by the weighted mean if the eval has `minMean`.
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
  /** The limit of the ratio of costs per run, candidate to baseline: 1.1 is 10 % more. Default: none. */
  maxCostRatio: Schema.optional(Ranges.within(Ranges.limit)),
  /** The limit of the median time difference, candidate minus baseline, in milliseconds. Default: none. */
  maxMedianMs: Schema.optional(Ranges.within(Ranges.finite))
})

/**
 * Limits that fail the gate.
 *
 * @since 0.1.0
 * @category options
 */
export type Thresholds = typeof Thresholds.Type

/**
 * The limits of the runs of an eval, and of its judges.
 *
 * @since 0.1.0
 * @category options
 */
export interface LimitOptions extends
  Pick<
    BatchRunOptions,
    | "concurrency"
    | "fleetConcurrency"
    | "rate"
    | "maxFailures"
    | "attempts"
    | "backoff"
    | "grace"
    | "rowTimeout"
    | "pendingTimeout"
    | "stopWithin"
  >
{
  /**
   * The budget in US dollars of all runs and judges of the eval run together. The run stops as incomplete before a run
   * that might exceed it. Requires `maxCostPerRow`. Default: none; the amounts with which it began, if it is resumed or
   * scored.
   */
  readonly budgetUsd?: number | string | undefined
  /** The assumed cost of one run in US dollars until ten costs are known. */
  readonly maxCostPerRow?: number | string | undefined
}

/**
 * The options of reading an eval run.
 *
 * @since 0.1.0
 * @category options
 */
export interface ReportOptions {
  /** The id of the run. Default: the newest. */
  readonly run?: string | undefined
  /** One of the candidates of the run. Default: its first. */
  readonly candidate?: Side | SideName | undefined
  /** A blessed baseline to compare with, in place of the baseline of the run. */
  readonly baseline?: Baseline | undefined
  /** The number of verdicts that may be errors before the gate is incomplete. Default: 0. */
  readonly allowErrors?: number | undefined
}

/**
 * The options of judging an eval run again.
 *
 * @since 0.1.0
 * @category options
 */
export interface ScoreOptions extends LimitOptions, ReportOptions {
  /**
   * Whether judges at `production` and `draft` judge every input again, and are paid again. After a stop, score without
   * it: that goes on where it stopped. Default: false; the verdicts that this eval run paid for are used.
   */
  readonly judgeAgain?: boolean | undefined
}

/**
 * The cases of an eval run. It runs those alone, and its gate cannot pass unless these are all. With several of the
 * options a case must meet all of them; `first` counts last.
 *
 * @since 0.1.0
 * @category options
 */
export interface SelectOptions {
  /** Patterns of keys, as in the selection of a batch: `{ key: "essay *" }`. Default: every key. */
  readonly select?: Pick<RowSelection, "key"> | undefined
  /** The most cases, in the order of the source. Default: all. */
  readonly first?: number | undefined
  /**
   * The cases that the candidate failed, or that had an error: with `true` in the newest complete run, or in the run with
   * this id. Default: false.
   */
  readonly failing?: boolean | string | undefined
}

/**
 * The options of an eval run.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunOptions extends LimitOptions, SelectOptions, Pick<ReportOptions, "allowErrors"> {
  /** The side that is tested. Default: `"draft"`. */
  readonly candidate?: Side | undefined
  /** The side that it is compared with, or a blessed baseline, whose verdicts are stored. Default: none. */
  readonly baseline?: Side | Baseline | undefined
  /** The number of trials of each case on each side, at most 100. A case counts by their majority. Default: 1. */
  readonly repeat?: number | undefined
  /**
   * Continues an earlier run: the one with this id, or with `true` the newest that is not complete. No run starts twice.
   * The other options must be those of the run, or absent. Default: a new run.
   */
  readonly resume?: boolean | string | undefined
  /**
   * A folder for cassettes: every call of the run is recorded there. Results of earlier runs are not used. Requires
   * `NoukaiHttp`, which `NoukaiLive` provides. Default: none.
   */
  readonly record?: string | undefined
  /** A folder of cassettes: nothing is sent and nothing is billed. Use a new ledger. Default: none. */
  readonly replay?: string | undefined
}

/**
 * The options of an eval run with several candidates.
 *
 * @since 0.1.0
 * @category options
 */
export interface MatrixOptions extends Omit<RunOptions, "candidate"> {
  /** The sides that are tested: with the baseline, at most 8. Default: `["draft"]`; those of the run, if it is resumed. */
  readonly candidates?: ReadonlyArray<Side> | undefined
}

/**
 * An eval run before it begins.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalPlan
  extends Pick<EvalReport, "eval" | "candidate" | "baseline" | "repeat" | "cases" | "selection">
{
  /** The candidates after the first. */
  readonly others?: ReadonlyArray<SideName>
  /** The runs that the eval run needs and that no earlier one has. Those of a resumed run may have begun. */
  readonly runs: number
  /** The runs that it takes from earlier eval runs. */
  readonly reused: number
  /** The names of the checks whose judges run, once for each input of the eval run. */
  readonly judges: ReadonlyArray<string>
  /** Checks that need data which will not be captured. Their verdicts will be errors. */
  readonly notCaptured: ReadonlyArray<{ readonly check: string; readonly reason: string }>
  /** Changes since the stored baseline was blessed, one line each. The changed cases and checks cannot be compared. */
  readonly stale: ReadonlyArray<string>
}

/**
 * The options of drafting a definition.
 *
 * @since 0.1.0
 * @category options
 */
export interface DraftOptions {
  /** The path of the definition, which names the eval: `spelling.eval.yaml`. */
  readonly path: string
  readonly flow: string
  /** The path of a file of JSON lines or CSV, or the cases themselves. */
  readonly cases: string | ReadonlyArray<{ readonly [column: string]: unknown }>
  /** The column of the key. Default: guessed. */
  readonly key?: string | undefined
  /** The column of the message, or of the whole input if its values are objects. Default: guessed. */
  readonly message?: string | undefined
  /** The column of the expected result. Default: guessed. */
  readonly expected?: string | undefined
  readonly operation?: "jobs" | "execute" | undefined
}

/**
 * A drafted definition, which was checked: it can be planned and run as it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Draft {
  /** YAML, with comments that say what was guessed. */
  readonly text: string
  /** The file of cases that the definition needs. Absent if it reads the given one. */
  readonly cases?: { readonly path: string; readonly text: string }
  /** The guesses, one line each. */
  readonly guesses: ReadonlyArray<string>
  readonly plan: EvalPlan
}

/**
 * An eval run of a ledger.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalRunInfo
  extends Pick<EvalReport, "eval" | "run" | "startedAt" | "candidate" | "baseline" | "repeat" | "cases" | "selection">
{
  /** The candidates of the run after its first. */
  readonly others?: ReadonlyArray<SideName>
  /** The eval run that its stored baseline was blessed from, if it was compared with one. */
  readonly stored?: string
  /** Whether all its runs ended, and those of its judges. */
  readonly isComplete: boolean
}
