/** The verdict of a case: the rule of the page and of its server, as of the reports of an eval. */
import type { Verdict } from "@effect-noukai/eval/EvalReport"

/** All verdicts, the most urgent first. */
export const verdicts: ReadonlyArray<Verdict> = ["regressed", "error", "fail", "fixed", "not comparable", "pass"]

/** Returns the place of a verdict in that order. */
export const rankOf = (verdict: Verdict): number => verdicts.indexOf(verdict)

/**
 * Returns the verdict that a case is shown, found and counted under. A regressed check counts, also where another check
 * fails on both sides, unless the weighted mean decides.
 */
export const listedAs = (
  { checks, mean, verdict }: {
    readonly checks: { readonly [check: string]: { readonly verdict: Verdict } }
    readonly mean?: unknown
    readonly verdict: Verdict
  }
): Verdict =>
  mean === undefined && Object.values(checks).some((check) => check.verdict === "regressed") ? "regressed" : verdict
