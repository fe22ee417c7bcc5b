/**
 * The part of the studio's API about eval runs in ledgers.
 *
 * @since 0.1.0
 */
import { type CaseVerdict, type EvalReport, SideName, type Summary, Verdict } from "@effect-noukai/eval/EvalReport"
import { Mark } from "@effect-noukai/eval/Marks"
import type { Change, Part } from "@effect-noukai/sdk/ValueDiff"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as Schema from "effect/Schema"
import { Index, json, NotFound, Unavailable } from "./RunsApi.js"

/**
 * An eval run, as a row of the list.
 *
 * @since 0.1.0
 * @category models
 */
export const EvalSummary = Schema.Struct({
  /** The name of its ledger, as of a batch. */
  ledger: Schema.String,
  eval: Schema.String,
  run: Schema.String,
  startedAt: Schema.Number,
  /** The candidate of the address. */
  candidate: SideName,
  /** All candidates, if there are several. */
  candidates: Schema.optional(Schema.Array(SideName)),
  baseline: Schema.optional(SideName),
  cases: Schema.Number,
  /** The number of all cases, if the run has only a selection. */
  of: Schema.optional(Schema.Number),
  repeat: Schema.Number,
  isComplete: Schema.Boolean,
  /** The gate of its report, as of {@link EvalDetail}. Absent where it is not known: without a definition, and in older runs of a long list. */
  gate: Schema.optional(Schema.String),
  /** Of its candidate: the cases that pass, of those that pass or fail, the cases that regressed, and the cost. Where the gate is. */
  counts: Schema.optional(
    Schema.Struct({
      passed: Schema.Number,
      of: Schema.Number,
      regressed: Schema.optional(Schema.Number),
      usd: Schema.String
    })
  ),
  /** The file of its definition, which has the checks. Absent if there is none: then no verdicts are known. */
  definition: Schema.optional(Schema.String),
  /** The batch of its runs in the same ledger. */
  batch: Schema.String
})

/** @since 0.1.0 */
export interface EvalSummary extends Schema.Schema.Type<typeof EvalSummary> {}

/**
 * All eval runs of all ledgers, newest first.
 *
 * @since 0.1.0
 * @category models
 */
export const EvalList = Schema.Struct({
  searched: Schema.Array(Schema.String),
  runs: Schema.Array(EvalSummary),
  /** Definitions and ledgers that cannot be read. */
  problems: Schema.Array(Schema.Struct({ ledger: Schema.String, message: Schema.String }))
})

/** @since 0.1.0 */
export interface EvalList extends Schema.Schema.Type<typeof EvalList> {}

/** The newest complete runs of an eval in its ledger, at most 20, oldest first. @since 0.1.0 */
export const EvalTrend = Schema.Struct({ runs: Schema.Array(EvalSummary) })

/** @since 0.1.0 */
export interface EvalTrend extends Schema.Schema.Type<typeof EvalTrend> {}

/**
 * An eval run with its report, the same as `noukai eval report --json`.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalDetail {
  readonly summary: EvalSummary
  /** Absent without a definition. */
  readonly report?: EvalReport
  /**
   * The number of cases by their verdicts in the list, as of {@link EvalCase}. `report.overall` counts a case as `fail` where one
   * check regressed and another one fails on both sides: its test compares whole cases. Absent without a report.
   */
  readonly verdicts?: Summary["verdicts"]
  /** The missing facts, each with a remedy. */
  readonly notes: ReadonlyArray<string>
}

/**
 * A case, as a row of the list.
 *
 * @since 0.1.0
 * @category models
 */
export const EvalCase = Schema.Struct({
  no: Schema.Number,
  key: Schema.String,
  at: Schema.String,
  /** Of the check that the filter names, or of the case. A case with a regressed check is `regressed`, also where another check fails on both sides. */
  verdict: Verdict,
  /** The verdicts of its checks, in the order of the definition. */
  checks: Schema.Array(Schema.Struct({ check: Schema.String, verdict: Verdict })),
  /** The reason of the worst verdict. */
  reason: Schema.optional(Schema.String),
  /** The cost of all trials of the candidate minus the cost of the baseline, in US dollars as decimal text. */
  costDifferenceUsd: Schema.optional(Schema.String),
  /** The median time of the candidate minus the median time of the baseline, of the runs that completed. */
  timeDifferenceMs: Schema.optional(Schema.Number)
})

/** @since 0.1.0 */
export interface EvalCase extends Schema.Schema.Type<typeof EvalCase> {}

/**
 * A page of cases: regressions first, then errors, failures, fixed cases, cases that cannot be compared and passes, each in the
 * order of the source.
 *
 * @since 0.1.0
 * @category models
 */
export const EvalCasePage = Schema.Struct({
  cases: Schema.Array(EvalCase),
  /** The number of cases that match. */
  total: Schema.Number
})

/** @since 0.1.0 */
export interface EvalCasePage extends Schema.Schema.Type<typeof EvalCasePage> {}

/**
 * A case with both outputs, trial by trial, and their differences.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalCaseDetail {
  readonly case: CaseVerdict
  /** One for each trial that both sides have. */
  readonly differences: ReadonlyArray<{
    readonly trial: number
    /** Paths in which JSON outputs differ, at most 100. Empty if they are equal. */
    readonly changes: ReadonlyArray<Change>
    /** The words of two texts. Absent unless both outputs are text. */
    readonly parts?: ReadonlyArray<Part>
  }>
}

/**
 * Which cases a page has. All conditions hold for each of them.
 *
 * @since 0.1.0
 * @category models
 */
export const EvalCaseFilter = Schema.Struct({
  verdict: Schema.optional(Schema.String),
  /** The name of a check: the cases then have its verdicts. */
  check: Schema.optional(Schema.String),
  /** A part of the key or the reason. */
  text: Schema.optional(Schema.String),
  offset: Schema.optional(Index),
  /** Default: 50, the most: 500. */
  limit: Schema.optional(Index)
})

/** @since 0.1.0 */
export interface EvalCaseFilter extends Schema.Schema.Type<typeof EvalCaseFilter> {}

const EvalAddress = {
  ledger: Schema.String,
  eval: Schema.String,
  run: Schema.String,
  /** The place of a candidate among several, from 0. Default: 0. */
  candidate: Schema.optional(Index)
}

/**
 * The mark of a person on an output.
 *
 * @since 0.1.0
 * @category models
 */
export const NewMark = Schema.Struct({
  ...EvalAddress,
  candidate: Schema.optional(Schema.Number),
  key: Schema.String,
  side: Schema.Literal("candidate", "baseline"),
  trial: Schema.Number,
  ...Mark.pick("verdict", "reason").fields
})

/** @since 0.1.0 */
export interface NewMark extends Schema.Schema.Type<typeof NewMark> {}

/**
 * The endpoints of evals. All but `mark` are reads.
 *
 * @since 0.1.0
 * @category api
 */
export const evalsGroup = HttpApiGroup.make("evals")
  .add(HttpApiEndpoint.get("evals", "/evals").addSuccess(EvalList))
  .add(HttpApiEndpoint.get("eval", "/eval").setUrlParams(Schema.Struct(EvalAddress)).addSuccess(json<EvalDetail>()))
  .add(
    HttpApiEndpoint.get("trend", "/eval/trend")
      .setUrlParams(Schema.Struct({ ledger: Schema.String, eval: Schema.String }))
      .addSuccess(EvalTrend)
  )
  .add(
    HttpApiEndpoint.get("cases", "/eval/cases")
      .setUrlParams(Schema.Struct({ ...EvalAddress, ...EvalCaseFilter.fields }))
      .addSuccess(EvalCasePage)
  )
  .add(
    HttpApiEndpoint.get("case", "/eval/case")
      .setUrlParams(Schema.Struct({ ...EvalAddress, key: Schema.String }))
      .addSuccess(json<EvalCaseDetail>())
  )
  /** Adds a row to the file of marks beside the definition. */
  .add(HttpApiEndpoint.post("mark", "/eval/mark").setPayload(NewMark).addSuccess(Mark))
  .addError(NotFound)
  .addError(Unavailable)
