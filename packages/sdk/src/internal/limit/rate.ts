/** Limits on the requests of a time, as callers give them. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import { type Problem, problem } from "../errors/makeError.js"
import { checkCount } from "../input/checks.js"
import { toMillis } from "../time/duration.js"

/** A limit on the requests of a time: no more than `limit` leave within any `interval`. */
export interface Rate {
  /** An integer of at least 1. */
  readonly limit: number
  /** Longer than 0, and finite. */
  readonly interval: Duration.DurationInput
}

/** A rate that was checked. */
export interface CheckedRate {
  readonly limit: number
  readonly interval: Duration.Duration
}

export const checkRate = (rate: number | Rate | undefined): Problem | undefined => {
  if (rate === undefined || typeof rate === "number") return checkCount("rate", rate, 1)
  if (!Predicate.isRecord(rate)) {
    return problem("rate", "must be a number of requests per second, or { limit, interval }")
  }
  const interval = toMillis(rate.interval)
  return checkCount("rate.limit", rate.limit ?? NaN, 1) ??
    (interval !== undefined && interval > 0 && interval < Infinity
      ? undefined
      : problem("rate.interval", "must be a duration that is longer than 0 and finite"))
}

/** Reads a rate of a caller once. */
export const takeRate = (rate: number | Rate | undefined): number | Rate | undefined =>
  typeof rate === "object" && rate !== null ? { limit: rate.limit, interval: rate.interval } : rate

export const resolveRate = (rate: number | Rate): CheckedRate =>
  typeof rate === "number"
    ? { limit: rate, interval: Duration.seconds(1) }
    : { limit: rate.limit, interval: Duration.decode(rate.interval) }
