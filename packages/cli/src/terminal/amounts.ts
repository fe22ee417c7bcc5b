/** Times and amounts as people read them. */
import * as BigDecimal from "effect/BigDecimal"

/** A time in milliseconds. */
export const time = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  if (millis < 60_000) return `${(millis / 1000).toFixed(1)} s`
  const seconds = Math.round(millis / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`
}

/** The beginning of a run as the day and the time in UTC, to the second or, where `brief`, to the minute. */
export const moment = (iso: string | undefined, brief = false): string => {
  if (iso === undefined) return ""
  const millis = Date.parse(iso)
  return Number.isNaN(millis) ? iso : new Date(millis).toISOString().slice(0, brief ? 16 : 19).replace("T", " ")
}

/** The time from one moment to another; empty where one of them is not told. */
export const between = (from: string | undefined, to: string | undefined): string => {
  const millis = Date.parse(to ?? "") - Date.parse(from ?? "")
  return millis >= 0 ? time(millis) : ""
}

/** All digits of an amount that is not negative, without an exponent. */
export const decimal = (amount: BigDecimal.BigDecimal): string => {
  const { scale, value } = BigDecimal.normalize(amount)
  if (scale <= 0) return String(value * 10n ** BigInt(-scale))
  const digits = String(value).padStart(scale + 1, "0")
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** A number of things: `1 run`, `2 runs`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
