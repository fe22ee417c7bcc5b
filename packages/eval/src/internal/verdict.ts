/** Verdicts: of the checks on one run, and of a case from its trials. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import type { Check } from "../Check.js"
import type { CaseVerdict, CheckVerdict, Trial, Verdict } from "../EvalReport.js"
import type { EvalRun, JudgeRun, Outcome } from "../EvalRun.js"
import { line, messageOf } from "./values.js"

/** The checks of an eval by their names. */
export type Checks<R = unknown> = { readonly [name: string]: Check<unknown, unknown, R> }

/** The name of the check that people make by their marks. */
export const human = "human"

/** The kinds of errors that say that a run failed, or that its result does not fit its flow. */
const failures = new Set(["FlowExecutionError", "UnexpectedResult"])

/** The outcome of every check on a run without a result, or `undefined` if checks can judge the run. */
export const withoutResult = ({ error, state }: EvalRun): Outcome | undefined => {
  // an account without credits says nothing of the flow
  const isOfFlow = error !== undefined && failures.has(error.kind) && error.code?.includes("CREDITS") !== true
  if (isOfFlow && (state === "done" || state === "failed")) {
    return { verdict: "fail", reason: line(`the run failed: ${error.message}`) }
  }
  if (state === "done") return undefined
  return { verdict: "error", reason: line(`the run is ${state}${error === undefined ? "" : `: ${error.message}`}`) }
}

/** The checks that judge a case: those of its set, or all. */
export const checksOfCase = <C>(
  checks: { readonly [name: string]: C },
  { checks: names }: { readonly checks?: ReadonlySet<string> }
): { readonly [name: string]: C } =>
  names === undefined ? checks : Record.filter(checks, (_, name) => name === human || names.has(name))

/**
 * The outcomes of all checks on a run, without those that do not judge it. A check that throws is an error. `judged` are
 * the runs of judges, by check.
 */
export function outcomesOf<R>(
  checks: Checks<R>,
  value: unknown,
  run: EvalRun,
  judged: { readonly [check: string]: JudgeRun | undefined } = {}
): Effect.Effect<Trial["outcomes"], never, R> {
  const same = withoutResult(run)
  // people mark outputs
  if (same !== undefined) return Effect.succeed(Record.map(Record.remove(checks, human), () => same))
  const outcomes = Effect.all(
    Record.map(checks, (check, name) =>
      Effect.suspend(() => check.verdict(value, run, judged[name])).pipe(
        Effect.catchAllDefect((defect) =>
          Effect.succeed<Outcome>({ verdict: "error", reason: line(`the check threw: ${messageOf(defect)}`) })
        )
      ))
  )
  return Effect.map(outcomes, Record.filter(Predicate.isNotUndefined))
}

/** The verdicts of a stored baseline on a case, of the checks that can be compared. */
export type StoredVerdicts = { readonly [check: string]: "pass" | "fail" }

/** A case with the trials of both sides. */
export interface JudgedCase extends Pick<CaseVerdict, "no" | "key" | "at" | "hash" | "input"> {
  readonly candidate: ReadonlyArray<Trial>
  /** The trials of the baseline, or its stored verdicts. Absent without a baseline. */
  readonly baseline?: ReadonlyArray<Trial> | StoredVerdicts
  /** The stored scores of checks. Absent if the weighted mean cannot be compared. */
  readonly storedScores?: { readonly [check: string]: number } | undefined
}

/** The rule of an eval whose cases pass by the weighted mean of their scores. */
export interface MeanRule {
  readonly minMean: number
  /** The weights of all checks. */
  readonly weights: { readonly [check: string]: number }
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** The outcome that more than half of the trials have; otherwise an error. None if the check judged no trial. */
export const majority = (outcomes: ReadonlyArray<Outcome>): Outcome | undefined => {
  if (outcomes.length < 2) return outcomes[0]
  const of = (verdict: Outcome["verdict"]) => outcomes.filter((outcome) => outcome.verdict === verdict)
  const counts = `${of("pass").length} of ${outcomes.length} trials pass, ${of("fail").length} fail`
  const scores = outcomes.flatMap(({ score }) => score === undefined ? [] : [score])
  const won = [of("pass"), of("fail")].find(({ length }) => length * 2 > outcomes.length)
  if (won === undefined) {
    const [first = ""] = of("error").map(({ reason }) => `; ${reason}`)
    return { verdict: "error", reason: line(`no majority: ${counts}${first}`) }
  }
  const score = scores.length > 0 && { score: mean(scores) }
  return { ...won[0]!, reason: line(`${counts}: ${won[0]!.reason}`), ...score }
}

/** The verdict on the candidate. A baseline is `undefined` where it cannot be compared. */
const compared = (candidate: Outcome["verdict"], baseline: Outcome["verdict"] | undefined): Verdict => {
  if (candidate === "error" || baseline === "error") return "error"
  if (baseline === undefined) return "not comparable"
  if (candidate === baseline) return candidate
  return candidate === "pass" ? "fixed" : "regressed"
}

/** The verdict of all checks together. */
export const together = (verdicts: ReadonlyArray<Outcome["verdict"]>): Outcome["verdict"] =>
  verdicts.includes("fail") ? "fail" : verdicts.includes("error") ? "error" : "pass"

const isStored = (baseline: NonNullable<JudgedCase["baseline"]>): baseline is StoredVerdicts => !Array.isArray(baseline)

/** Whether the weighted mean of scores is enough. A pass without a score is 1, and a fail is 0. */
const meanOf = (
  { minMean, weights }: MeanRule,
  outcomes: ReadonlyArray<readonly [check: string, outcome: Outcome]>
): Outcome => {
  const wrong = outcomes.find(([, { verdict }]) => verdict === "error")
  if (wrong !== undefined) return { verdict: "error", reason: line(`${wrong[0]}: ${wrong[1].reason}`) }
  // large weights would overflow
  const most = Math.max(...outcomes.map(([name]) => weights[name]!))
  if (most === 0) return { verdict: "error", reason: "no check with a weight judged the case" }
  const parts = outcomes.map(([name, { score, verdict }]) =>
    [weights[name]! / most, score ?? (verdict === "pass" ? 1 : 0)] as const
  )
  const total = parts.reduce((sum, [weight]) => sum + weight, 0)
  const sum = parts.reduce((sum, [weight, score]) => sum + weight * score, 0)
  const score = Math.min(1, Number((sum / total).toPrecision(15)))
  // 0.1 + 0.2 is not 0.3 in binary
  const isEnough = sum >= total * (minMean - Number.EPSILON * (parts.length + 1))
  return {
    verdict: isEnough ? "pass" : "fail",
    reason: `the weighted mean is ${score}, required is ${minMean}`,
    score
  }
}

/** The verdict on a case by the weighted mean: with a baseline, of the checks that can be compared. */
const meanVerdict = (
  rule: MeanRule,
  checks: ReadonlyArray<readonly [check: string, verdict: CheckVerdict]>,
  { baseline, storedScores }: JudgedCase
): CheckVerdict => {
  const candidate = meanOf(rule, checks.map(([name, { candidate }]) => [name, candidate]))
  if (baseline === undefined) return { verdict: candidate.verdict, candidate }
  const both = checks.flatMap(([name, { baseline, candidate }]) =>
    baseline === undefined ? [] : [{ name, candidate, baseline }]
  )
  const isComparable = both.some(({ name }) => rule.weights[name]! > 0) &&
    !(isStored(baseline) && storedScores === undefined)
  if (!isComparable) return { verdict: compared(candidate.verdict, undefined), candidate }
  const [after, before] = (["candidate", "baseline"] as const).map((side) =>
    meanOf(rule, both.map((one) => [one.name, one[side]]))
  ) as [Outcome, Outcome]
  return { verdict: compared(after.verdict, before.verdict), candidate, baseline: before }
}

/** The verdicts on a case: by the majority of its trials. */
export const caseVerdict = (names: ReadonlyArray<string>, judged: JudgedCase, rule?: MeanRule): CaseVerdict => {
  const { at, baseline, candidate, hash, input, key, no, storedScores = {} } = judged
  const outcomeOf = (trials: ReadonlyArray<Trial>, name: string) =>
    majority(trials.flatMap(({ outcomes: { [name]: outcome } }) => outcome === undefined ? [] : [outcome]))
  const checks = names.flatMap((name): ReadonlyArray<[string, CheckVerdict]> => {
    const outcome = outcomeOf(candidate, name)
    if (outcome === undefined) return []
    if (baseline === undefined) return [[name, { verdict: outcome.verdict, candidate: outcome }]]
    const before = !isStored(baseline)
      ? outcomeOf(baseline, name)
      : Object.hasOwn(baseline, name)
      ? {
        verdict: baseline[name]!,
        reason: "stored in the baseline",
        ...Object.hasOwn(storedScores, name) && { score: storedScores[name]! }
      }
      : undefined
    const verdict = compared(outcome.verdict, before?.verdict)
    return [[name, { verdict, candidate: outcome, ...(before !== undefined && { baseline: before }) }]]
  })
  const mean = rule === undefined || checks.length === 0 ? undefined : meanVerdict(rule, checks, judged)
  const verdict = mean?.verdict ?? caseTogether(checks.map(([, check]) => check), baseline !== undefined)
  const ran = baseline !== undefined && !isStored(baseline) && { baseline }
  const whole = mean && { mean }
  return { no, key, at, hash, input, verdict, ...whole, checks: Object.fromEntries(checks), candidate, ...ran }
}

/** The verdict of all checks together; with a baseline, of those that can be compared. */
const caseTogether = (checks: ReadonlyArray<CheckVerdict>, hasBaseline: boolean): Verdict => {
  if (checks.length === 0) return "not comparable"
  if (!hasBaseline) return together(checks.map(({ candidate }) => candidate.verdict))
  const both = checks.filter(({ baseline }) => baseline !== undefined)
  const candidate = together((both.length === 0 ? checks : both).map(({ candidate }) => candidate.verdict))
  return compared(candidate, both.length === 0 ? undefined : together(both.map(({ baseline }) => baseline!.verdict)))
}
