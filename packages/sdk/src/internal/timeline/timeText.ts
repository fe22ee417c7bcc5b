/** Times for people. */

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const two = (count: number, unit: string, part: string): string =>
  `${Math.floor(count / 60)} ${unit}` + (count % 60 === 0 ? "" : ` ${String(count % 60).padStart(2, "0")} ${part}`)

/** A time in the two units that matter: `412 ms`, `1.15 s`, `2 m 05 s`, `1 h 02 m`. */
export const formatMillis = (ms: number): string => {
  if (ms < second) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < minute) return `${String(Math.round(ms / 10) / 100)} s`
  const seconds = Math.round(ms / second)
  if (ms < hour) return two(seconds, "m", "s")
  return two(Math.round(ms / minute), "h", "m")
}

const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * second),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 6, 12, 24].map((hours) => hours * hour)
]

/** The milliseconds between two marks of an axis that has at most so many. */
export const tickStep = (totalMs: number, most: number): number =>
  steps.find((step) => totalMs / step <= most) ?? 24 * hour * Math.ceil(totalMs / most / (24 * hour))
