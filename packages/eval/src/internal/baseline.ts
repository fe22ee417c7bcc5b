/** A stored baseline beside a run: the verdicts that can be compared, and all that has changed since it was blessed. */
import type { Baseline } from "../Baseline.js"
import type { Hashes } from "../EvalReport.js"
import type { JudgedCase, StoredVerdicts } from "./verdict.js"

/** The names that a line lists. */
const most = 5

/** Counts names, and keeps the first few. */
const some = () => {
  const names: Array<string> = []
  let count = 0
  return {
    add: (name: string): void => {
      if (++count <= most) names.push(name)
    },
    line: (one: string, many: string): ReadonlyArray<string> =>
      count === 0 ? [] : [`${count} ${count === 1 ? one : many}: ${names.join(", ")}${count > most ? ", …" : ""}`]
  }
}

/** Compares the cases of a run with a baseline, one after the other. `isWhole`: whether the run has all cases. */
export const against = (baseline: Baseline, hashes: Hashes, isWhole = true) => {
  const cases = new Map(baseline.cases.map((one) => [one.key, one]))
  const seen = new Set<string>()
  const isSameFlow = baseline.hashes.parameters === hashes.parameters
  const isSameCheck = (name: string) => isSameFlow && baseline.hashes.checks[name] === hashes.checks[name]
  const [changed, added] = [some(), some()]

  /** The stored verdicts on a case: none if it has changed. */
  const verdicts = (key: string, hash: string): StoredVerdicts => {
    const stored = cases.get(key)
    if (stored === undefined) {
      added.add(key)
      return {}
    }
    seen.add(key)
    if (stored.hash !== hash) {
      changed.add(key)
      return {}
    }
    return Object.fromEntries(Object.entries(stored.checks).filter(([name]) => isSameCheck(name)))
  }

  /** The stored scores on a case: none if it has changed, or if the rule of the mean has. */
  const scores = (key: string, hash: string): JudgedCase["storedScores"] => {
    const stored = cases.get(key)
    return stored?.hash === hash && baseline.hashes.mean === hashes.mean ? stored.scores ?? {} : undefined
  }

  /** The changes since the baseline was blessed, after all cases were compared. */
  const stale = (): ReadonlyArray<string> => {
    const checks = Object.keys(hashes.checks)
    const gone = some()
    if (isWhole) { for (const key of cases.keys()) if (!seen.has(key)) gone.add(key) }
    return [
      ...isSameFlow ? [] : ["the schema of the flow's parameters has changed"],
      ...checks.flatMap((name) =>
        baseline.hashes.checks[name] === undefined
          ? [`the check ${name} is new`]
          : baseline.hashes.checks[name] === hashes.checks[name]
          ? []
          : [`the check ${name} has changed`]
      ),
      ...Object.keys(baseline.hashes.checks).filter((name) => !checks.includes(name)).map((name) =>
        `the check ${name} is gone`
      ),
      ...baseline.hashes.mean === hashes.mean ? [] : ["the weights or minMean have changed"],
      ...changed.line("case has changed", "cases have changed"),
      ...added.line("case is new", "cases are new"),
      ...gone.line("case is gone", "cases are gone")
    ]
  }
  return { verdicts, scores, stale }
}
