/** The similarity of texts: 1 minus the share of code points that an edit changes. */
import * as Effect from "effect/Effect"
import { distance } from "fastest-levenshtein"
import type { Outcome } from "../EvalRun.js"
import { otherWork } from "./otherWork.js"
import { show } from "./values.js"

/** The most pairs of code points that are compared: about a quarter of a second. */
const mostPairs = 1e8

/** The pairs that take about a millisecond. */
const fewPairs = 1e6

type Texts = readonly [actual: string, expected: string]

const beginning = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): number => {
  const end = Math.min(a.length, b.length)
  let at = 0
  while (at < end && a[at] === b[at]) at++
  return at
}

const ending = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): number => {
  const end = Math.min(a.length, b.length)
  let at = 0
  while (at < end && a[a.length - 1 - at] === b[b.length - 1 - at]) at++
  return at
}

/**
 * Returns the similarity of two texts from 0 to 1, or `undefined` if the parts that differ are too long to compare in
 * time. Two empty texts are equal.
 */
export const similarity = (one: string, other: string): number | undefined => {
  if (one === other) return 1
  const [a, b] = [Array.from(one), Array.from(other)]
  const start = beginning(a, b)
  const [left, right] = [a.slice(start), b.slice(start)]
  const end = ending(left, right)
  const parts = [left.slice(0, left.length - end), right.slice(0, right.length - end)] as const
  if (parts[0].length * parts[1].length > mostPairs) return undefined
  // the library compares UTF-16 units, so each code point becomes a unit of its own
  const units = new Map<string, string>()
  const unitsOf = (part: ReadonlyArray<string>) =>
    part.map((point) => {
      const unit = units.get(point) ?? String.fromCharCode(units.size)
      units.set(point, unit)
      return unit
    }).join("")
  const texts = [unitsOf(parts[0]), unitsOf(parts[1])] as const
  if (units.size > 0x10000) return undefined
  const longer = Math.max(a.length, b.length)
  return (longer - distance(...texts)) / longer
}

/** The outcome of a similarity, which a function of a program may give wrongly. */
export const similarityOutcome = (score: unknown, min: number): Outcome => {
  // a cosine of equal vectors may be more than 1
  if (typeof score !== "number" || !(score >= 0 && score <= 1 + 1e-9)) {
    return { verdict: "error", reason: `by returned ${show(score)}: it must return a number from 0 to 1` }
  }
  const most = Math.min(1, score)
  return {
    verdict: most + Number.EPSILON >= min ? "pass" : "fail",
    reason: `the similarity is ${Number(most.toPrecision(4))}, required is ${min}`,
    score: most
  }
}

/** The outcome of the similarity of two texts. Before a long comparison, the process can answer requests. */
export const similarityOf = (texts: Texts, min: number): Effect.Effect<Outcome> =>
  Effect.zipRight(
    texts[0].length * texts[1].length > fewPairs ? otherWork : Effect.void,
    Effect.sync((): Outcome => {
      const score = similarity(...texts)
      return score === undefined
        ? {
          verdict: "error",
          reason:
            "the texts are too long to compare: more than 10,000 characters of each differ. Compare them by your own function"
        }
        : similarityOutcome(score, min)
    })
  )
