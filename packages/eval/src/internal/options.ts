/** The reasons why options of checks are refused. */
import { isNegativeTime } from "@effect-noukai/sdk/kit/names"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Ranges from "./ranges.js"
import { show } from "./values.js"

export const namedProblem = (what: string, name: unknown): string | undefined =>
  typeof name === "string" && name !== "" ? undefined : `must have ${what}, not ${show(name)}`

export const notFlag = (what: string, value: unknown): string | undefined =>
  typeof value === "boolean" ? undefined : `has ${what} that must be true or false, not ${show(value)}`

export const rangeProblem = (
  options: { readonly [name: string]: unknown },
  range: Ranges.Range
): string | undefined =>
  Object.entries(options).flatMap(([name, value]) => {
    const problem = Ranges.outOf(range, value)
    return problem === undefined ? [] : [`has a ${name} that ${problem}`]
  })[0]

export const callsProblem = (options: { readonly [name: string]: unknown }): string | undefined =>
  options.times !== undefined && (options.min ?? options.max) !== undefined
    ? "must have times alone, or min and max"
    : (["times", "min", "max"] as const).flatMap((name) => {
      const problem = options[name] === undefined ? undefined : Ranges.outOf(Ranges.count, options[name])
      return problem === undefined ? [] : [`has a ${name} that ${problem}`]
    })[0]

/** The milliseconds of a duration. NaN for a value that is none, or is negative: Effect reads those as 0. */
export const millisOf = (limit: Duration.DurationInput): number =>
  isNegativeTime(limit)
    ? NaN
    : Option.getOrElse(Option.map(Duration.decodeUnknown(limit), Duration.toMillis), () => NaN)

export const passProblem = (
  { minScore, pass }: { readonly minScore?: unknown; readonly pass?: unknown },
  typeId: symbol
): string | undefined =>
  pass === undefined
    ? undefined
    : typeof pass !== "function" && !Predicate.hasProperty(pass, typeId)
    ? `has a pass that must be a check or a function, not ${show(pass)}`
    : minScore === undefined
    ? undefined
    : "has a minScore, which its pass ignores: remove one of them"
