/**
 * The verdicts of an eval: per case, and overall.
 *
 * @since 0.1.0
 */
import { RowError, RowState } from "@effect-noukai/batch/BatchRow"
import * as Schema from "effect/Schema"
import { Outcome } from "./EvalRun.js"

/**
 * The verdict on a case: of one check, or of all its checks together.
 *
 * - `pass`, `fail`: the candidate passes or fails, and so does the baseline, if there is one.
 * - `regressed`: the baseline passes, and the candidate fails.
 * - `fixed`: the baseline fails, and the candidate passes.
 * - `error`: at least one side has neither a majority of passes nor of fails.
 * - `not comparable`: the baseline has no verdict: it has no such case, its check did not judge the case, or the case, the
 *   check or the parameters of the flow have changed. A case that no check judged is not comparable, too.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Verdict = Schema.Literal("pass", "fail", "regressed", "fixed", "error", "not comparable")

/**
 * The verdict on a case.
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict = typeof Verdict.Type

/**
 * One side of a comparison: a flow, its version, and what its runs change in it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SideName = Schema.Struct({
  /** `org/project/slug`. */
  flow: Schema.String,
  /** `production`, `draft`, or a number. */
  version: Schema.String,
  /** Its name in reports. */
  name: Schema.optionalWith(Schema.String, { exact: true }),
  /** Fields of blocks that all its runs change, by the ids of steps. */
  blockOverrides: Schema.optionalWith(
    Schema.Record({ key: Schema.String, value: Schema.Record({ key: Schema.String, value: Schema.Unknown }) }),
    { exact: true }
  ),
  /** The eval run that a stored baseline was blessed from. */
  stored: Schema.optionalWith(Schema.String, { exact: true })
})

/**
 * One side of a comparison: a flow, its version, and what its runs change in it.
 *
 * @since 0.1.0
 * @category models
 */
export type SideName = typeof SideName.Type

/**
 * One trial of a case, with the outcomes of the checks by their names.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Trial = Schema.Struct({
  trial: Schema.Number,
  state: RowState,
  result: Schema.optionalWith(Schema.Unknown, { exact: true }),
  error: Schema.optionalWith(RowError, { exact: true }),
  executionId: Schema.optionalWith(Schema.String, { exact: true }),
  costUsd: Schema.optionalWith(Schema.String, { exact: true }),
  /** The sum of the known costs of all its attempts in US dollars. Equals `costUsd` after one attempt. */
  attemptsCostUsd: Schema.optionalWith(Schema.String, { exact: true }),
  /** Whether the cost of an attempt cannot be read, so that `attemptsCostUsd` lacks it. */
  isAttemptsCostUnknown: Schema.optionalWith(Schema.Literal(true), { exact: true }),
  durationMs: Schema.optionalWith(Schema.Number, { exact: true }),
  outcomes: Schema.Record({ key: Schema.String, value: Outcome })
})

/**
 * One trial of a case, with the outcomes of the checks by their names.
 *
 * @since 0.1.0
 * @category models
 */
export type Trial = typeof Trial.Type

/**
 * The verdict of one check on a case. `candidate` and `baseline` are the outcomes that the majority of the trials has:
 * an error if there is none.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CheckVerdict = Schema.Struct({
  verdict: Verdict,
  candidate: Outcome,
  baseline: Schema.optionalWith(Outcome, { exact: true })
})

/**
 * The verdict of one check on a case.
 *
 * @since 0.1.0
 * @category models
 */
export type CheckVerdict = typeof CheckVerdict.Type

/**
 * A case with its verdicts and the outputs of both sides.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CaseVerdict = Schema.Struct({
  /** Its place in the source, from 1. */
  no: Schema.Number,
  key: Schema.String,
  /** Where it was read: `cases.jsonl:17`. */
  at: Schema.String,
  /** The hash of the case and its input. */
  hash: Schema.String,
  /** The input that was sent for the case. */
  input: Schema.Unknown,
  /** Of all checks together: a case passes if every check passes, or by the weighted mean if the eval has `minMean`. */
  verdict: Verdict,
  /** The verdict of the weighted mean of the scores. Present if the eval has `minMean` and a check judged the case. */
  mean: Schema.optionalWith(CheckVerdict, { exact: true }),
  /** By the names of the checks, in the order of the definition, without those that did not judge the case. */
  checks: Schema.Record({ key: Schema.String, value: CheckVerdict }),
  candidate: Schema.Array(Trial),
  /** Absent without a baseline, and with a stored one. */
  baseline: Schema.optionalWith(Schema.Array(Trial), { exact: true })
})

/**
 * A case with its verdicts and the outputs of both sides.
 *
 * @since 0.1.0
 * @category models
 */
export type CaseVerdict = typeof CaseVerdict.Type

/**
 * A share of cases with Wilson's 95 % interval.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Rate = Schema.Struct({
  passed: Schema.Number,
  /** The cases that passed or failed; those with an error are left out. */
  of: Schema.Number,
  /** `passed / of`; absent if `of` is 0. */
  rate: Schema.optionalWith(Schema.Number, { exact: true }),
  interval: Schema.optionalWith(Schema.Tuple(Schema.Number, Schema.Number), { exact: true })
})

/**
 * A share of cases with Wilson's 95 % interval.
 *
 * @since 0.1.0
 * @category models
 */
export type Rate = typeof Rate.Type

/**
 * The counts of one check, or of all checks together, over all cases.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Summary = Schema.Struct({
  /** The number of cases by their verdicts. */
  verdicts: Schema.Record({ key: Verdict, value: Schema.Number }),
  candidate: Rate,
  baseline: Schema.optionalWith(Rate, { exact: true }),
  /** The p value of the exact two-sided McNemar test of candidate against baseline. Present with a baseline. */
  p: Schema.optionalWith(Schema.Number, { exact: true }),
  /** `p` adjusted by Holm. Present if several tests decide about the gate: those with `maxRegressed: "significant"`. */
  adjustedP: Schema.optionalWith(Schema.Number, { exact: true }),
  /** The mean score of the candidate, if the check has scores. */
  score: Schema.optionalWith(Schema.Number, { exact: true }),
  /** The mean score of the baseline, if the check has scores. */
  baselineScore: Schema.optionalWith(Schema.Number, { exact: true })
})

/**
 * The counts of one check, or of all checks together, over all cases.
 *
 * @since 0.1.0
 * @category models
 */
export type Summary = typeof Summary.Type

/**
 * The runs of one side and their cost.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Cost = Schema.Struct({
  /** The number of trials that ran, each once however many attempts it had. Of judges, the number of all attempts. */
  runs: Schema.Number,
  /** US dollars, as exact decimal text: the known costs of all attempts. */
  usd: Schema.String,
  /** The number of runs with an attempt whose cost is unknown. */
  unknown: Schema.Number
})

/**
 * The runs of one side and their cost.
 *
 * @since 0.1.0
 * @category models
 */
export type Cost = typeof Cost.Type

/**
 * The time of the candidate minus the time of the baseline, case by case: the median in milliseconds, with a bootstrap
 * 95 % interval.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TimeDifference = Schema.Struct({
  /** The cases with times of both sides. */
  cases: Schema.Number,
  medianMs: Schema.Number,
  interval: Schema.Tuple(Schema.Number, Schema.Number)
})

/**
 * The time of the candidate minus the time of the baseline, case by case.
 *
 * @since 0.1.0
 * @category models
 */
export type TimeDifference = typeof TimeDifference.Type

/**
 * A threshold that the candidate breaks.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BrokenThreshold = Schema.Struct({
  /** The name in the definition: `maxRegressed`. */
  threshold: Schema.String,
  /** The check that it is about; absent for all checks together. */
  check: Schema.optionalWith(Schema.String, { exact: true }),
  /** One sentence. */
  message: Schema.String
})

/**
 * A threshold that the candidate breaks.
 *
 * @since 0.1.0
 * @category models
 */
export type BrokenThreshold = typeof BrokenThreshold.Type

/**
 * The parts of a definition that verdicts depend on, as hashes. Verdicts with other hashes cannot be compared.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Hashes = Schema.Struct({
  /** Of the schema of the flow's parameters. */
  parameters: Schema.String,
  /** Of the checks, by their names. */
  checks: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** Of `weights` and `minMean`. Absent without them. */
  mean: Schema.optionalWith(Schema.String, { exact: true })
})

/**
 * The parts of a definition that verdicts depend on, as hashes.
 *
 * @since 0.1.0
 * @category models
 */
export type Hashes = typeof Hashes.Type

/**
 * The cases of an eval run that does not have all of them: those that failed, of these the ones with a selected key, and
 * of these the first.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Selection = Schema.Struct({
  /** The number of all cases when the run began. */
  of: Schema.Number,
  /** The eval run in which the candidate failed the cases, or had an error. */
  failing: Schema.optionalWith(Schema.String, { exact: true }),
  /** The patterns of their keys. */
  select: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
  /** The most cases. */
  first: Schema.optionalWith(Schema.Number, { exact: true })
})

/**
 * The cases of an eval run that does not have all of them.
 *
 * @since 0.1.0
 * @category models
 */
export type Selection = typeof Selection.Type

/**
 * An eval run as a whole. The verdicts of the cases are read as a stream of {@link CaseVerdict}.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EvalReport = Schema.Struct({
  eval: Schema.String,
  /** The id of the eval run. */
  run: Schema.String,
  /** When it began, in milliseconds since 1970. */
  startedAt: Schema.Number,
  candidate: SideName,
  baseline: Schema.optionalWith(SideName, { exact: true }),
  repeat: Schema.Number,
  hashes: Hashes,
  cases: Schema.Number,
  /** Absent if the run has all cases. */
  selection: Schema.optionalWith(Selection, { exact: true }),
  /** Of all checks together: a case passes if every check passes, or by the weighted mean if the eval has `minMean`. */
  overall: Summary,
  /** By the names of the checks, in the order of the definition. */
  checks: Schema.Record({ key: Schema.String, value: Summary }),
  cost: Schema.Struct({
    candidate: Cost,
    /** Of a stored baseline: the cost when it was blessed. */
    baseline: Schema.optionalWith(Cost, { exact: true }),
    /** Of a run with several candidates: of all of them together. */
    judges: Cost
  }),
  time: Schema.optionalWith(TimeDifference, { exact: true }),
  /** Changes since the stored baseline was blessed, one line each. */
  stale: Schema.Array(Schema.String),
  broken: Schema.Array(BrokenThreshold),
  /** The number of verdicts of checks on cases that are errors. */
  errors: Schema.Number,
  /** `incomplete`: the run stopped, has too many errors, judged no case, or has only a selection of the cases. It says nothing about the candidate. */
  gate: Schema.Literal("passed", "failed", "incomplete"),
  /** The candidate against the baseline; `mixed`: better in one check and worse in another. */
  verdict: Schema.Literal("better", "worse", "mixed", "no difference", "no baseline", "incomplete"),
  /** The verdict in one sentence. */
  sentence: Schema.String,
  /** Why the run stopped before its end, if it did. */
  stop: Schema.optionalWith(Schema.String, { exact: true })
})

/**
 * An eval run as a whole.
 *
 * @since 0.1.0
 * @category models
 */
export type EvalReport = typeof EvalReport.Type

/**
 * A run with several candidates: the report of each of them against the baseline, as if it had run alone.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EvalMatrix = Schema.Struct({
  ...EvalReport.pick("eval", "run").fields,
  /** In the order of the candidates. */
  reports: Schema.NonEmptyArray(EvalReport),
  /** `failed` if the gate of a candidate failed; otherwise `incomplete` if one is. */
  gate: EvalReport.fields.gate,
  /** The candidates that pass, in one sentence. */
  sentence: Schema.String
})

/**
 * A run with several candidates: the report of each of them against the baseline, as if it had run alone.
 *
 * @since 0.1.0
 * @category models
 */
export type EvalMatrix = typeof EvalMatrix.Type
