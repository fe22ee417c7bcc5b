/** Limits on the requests of a time, as callers give them. */
import * as Duration from "effect/Duration"

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

export const resolveRate = (rate: number | Rate): CheckedRate =>
  typeof rate === "number"
    ? { limit: rate, interval: Duration.seconds(1) }
    : { limit: rate.limit, interval: Duration.decode(rate.interval) }
