/**
 * Blessed baselines: the verdicts of a run in a small file for your repository. Later runs are compared with it.
 *
 * @since 0.1.0
 */
import { maskedValue } from "@effect-noukai/sdk/SafeText"
import { parseCost } from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type EvalFileError, InvalidEvalError } from "./EvalError.js"
import { type CaseVerdict, Cost, type EvalReport, Hashes, SideName } from "./EvalReport.js"
import { readText, writeText } from "./internal/file.js"
import { parseJson } from "./internal/parse.js"
import { count, outOf, share, trials, within } from "./internal/ranges.js"
import { amountForms } from "./internal/values.js"

/**
 * A case with the verdicts of its checks. A check without a verdict was an error when the run was blessed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BaselineCase = Schema.Struct({
  key: Schema.String,
  /** The hash of the case and its input. */
  hash: Schema.String,
  checks: Schema.Record({ key: Schema.String, value: Schema.Literal("pass", "fail") }),
  /** The scores of its checks, if the eval has `minMean`. A pass without a score is 1, and a fail is 0. */
  scores: Schema.optionalWith(Schema.Record({ key: Schema.String, value: within(share) }), { exact: true })
})

/**
 * A case with the verdicts of its checks.
 *
 * @since 0.1.0
 * @category models
 */
export type BaselineCase = typeof BaselineCase.Type

/**
 * The verdicts of a run, as they are kept in a file.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Baseline = Schema.Struct({
  eval: Schema.String,
  /** The run that was blessed. */
  run: Schema.String,
  /** The side whose verdicts these are. */
  ...SideName.omit("stored").fields,
  repeat: within(trials),
  hashes: Hashes,
  cost: Cost.pipe(
    Schema.filter(({ runs, unknown, usd }) =>
      [outOf(count, runs), outOf(count, unknown), Option.isSome(parseCost(usd)) ? undefined : amountForms]
        .find((problem) => problem !== undefined) ?? true
    )
  ),
  /** Sorted by their keys. */
  cases: Schema.Array(BaselineCase)
})

/**
 * The verdicts of a run, as they are kept in a file.
 *
 * @since 0.1.0
 * @category models
 */
export type Baseline = typeof Baseline.Type

const byKey = ({ key: a }: { readonly key: string }, { key: b }: { readonly key: string }): number =>
  a < b ? -1 : a > b ? 1 : 0

const sortedRecord: <A>(record: { readonly [name: string]: A }) => { readonly [name: string]: A } = (record) =>
  Object.fromEntries(Object.entries(record).sort(([key], [other]) => byKey({ key }, { key: other })))

/**
 * Makes a baseline of the candidate of a run.
 *
 * Fails with `InvalidEvalError` if the run stopped before its end, or has only a selection of the cases.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bless = <E, R>(
  report: EvalReport,
  cases: Stream.Stream<CaseVerdict, E, R>
): Effect.Effect<Baseline, E | InvalidEvalError, R> =>
  Effect.gen(function*() {
    const { candidate: { stored: _, ...side }, cases: count, cost, hashes, repeat, run, selection, stop } = report
    if (selection !== undefined) {
      const reason =
        `has only ${count} of ${selection.of} cases, so it cannot be blessed: run the eval on all cases first`
      return yield* new InvalidEvalError({ at: report.eval, field: `the run ${run}`, reason })
    }
    if (stop !== undefined) {
      const reason = `is not complete, so it cannot be blessed: resume it first (${stop})`
      return yield* new InvalidEvalError({ at: report.eval, field: `the run ${run}`, reason })
    }
    const blessed: Array<BaselineCase> = []
    yield* Stream.runForEach(cases, ({ checks, hash, key }) =>
      Effect.sync(() => {
        const verdicts = Object.entries(checks).flatMap(([name, { candidate: { verdict } }]) =>
          verdict === "error" ? [] : [[name, verdict] as const]
        )
        const scores = Object.entries(checks).flatMap(([name, { candidate: { score, verdict } }]) =>
          verdict === "error" || score === undefined ? [] : [[name, score] as const]
        )
        const hasScores = hashes.mean !== undefined && scores.length > 0
        blessed.push({
          key,
          hash,
          checks: sortedRecord(Object.fromEntries(verdicts)),
          ...hasScores && { scores: sortedRecord(Object.fromEntries(scores)) }
        })
      }))
    return {
      eval: report.eval,
      run,
      ...maskedValue(side) as typeof side,
      repeat,
      hashes: { ...hashes, checks: sortedRecord(hashes.checks) },
      cost: cost.candidate,
      cases: blessed.sort(byKey)
    }
  })

/**
 * The text of a baseline: JSON with one line for each case, so that a review shows the cases that changed.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (baseline: Baseline): string => {
  const { cases, ...head } = baseline
  const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(",\n")
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "cases": [${lines === "" ? "" : `\n${lines}\n  `}]\n}\n`
}

/**
 * Writes a baseline to a file, which it replaces as a whole.
 *
 * @since 0.1.0
 * @category operations
 */
export const write = (path: string, baseline: Baseline): Effect.Effect<void, EvalFileError> =>
  writeText(path, format(baseline))

/**
 * Reads the baseline of an eval from a file.
 *
 * Fails with `EvalFileError` if the file cannot be read, and with `InvalidEvalError` if it is not a whole baseline, or
 * the baseline of another eval.
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (path: string, name: string): Effect.Effect<Baseline, EvalFileError | InvalidEvalError> =>
  Effect.gen(function*() {
    const file = yield* parseJson(path, yield* readText(path))
    const baseline = yield* file.decode(Baseline)
    if (baseline.eval !== name) {
      return yield* file.invalid(["eval"], `is ${JSON.stringify(baseline.eval)}: this is the baseline of another eval`)
    }
    const keys = new Set<string>()
    for (const [index, { key }] of baseline.cases.entries()) {
      if (keys.has(key)) {
        return yield* file.invalid(["cases", index], `has the key ${JSON.stringify(key)} of another case`)
      }
      keys.add(key)
    }
    return baseline
  })
