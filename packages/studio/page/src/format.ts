/** Times, amounts and texts as people read them. */

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const two = (count: number, unit: string, part: string): string =>
  `${Math.floor(count / 60)} ${unit} ${String(count % 60).padStart(2, "0")} ${part}`

/** A time in the two units that matter: `412 ms`, `1.15 s`, `2 m 05 s`, `1 h 02 m`. */
export const millis = (ms: number): string => {
  if (ms < second) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < minute) return `${(Math.round(ms / 10) / 100).toFixed(2)} s`
  const seconds = Math.round(ms / second)
  return ms < hour ? two(seconds, "m", "s") : two(Math.round(ms / minute), "h", "m")
}

const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * second),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 6, 12, 24].map((hours) => hours * hour)
]

/** The times of the marks of an axis, in milliseconds: 0, and at most `most` others. */
export const ticks = (totalMs: number, most: number): ReadonlyArray<number> => {
  const step = steps.find((step) => totalMs / step <= most) ?? 24 * hour * Math.ceil(totalMs / most / (24 * hour))
  return Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, nth) => nth * step)
}

/** A mark of an axis, without digits that say nothing: `0`, `500 ms`, `2 s`. */
export const tick = (ms: number): string =>
  ms === 0 ? "0" : ms < minute ? millis(ms).replace(/\.?0+ s$/, " s") : millis(ms).replace(/ 00 [sm]$/, "")

/** A mark of an axis whose marks are so far apart: with the digits by which it differs from the next one. */
export const fineTick = (ms: number, step: number): string => {
  if (step >= 10 && ms < minute || step >= second || ms < second) return tick(ms)
  const minutes = Math.floor(ms / minute)
  const seconds = ((ms - minutes * minute) / second).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)
  return minutes === 0
    ? `${seconds} s`
    : `${minutes} m ${seconds.padStart(seconds.length + (seconds.indexOf(".") < 2 ? 1 : 0), "0")} s`
}

/** The digits of an amount, with whole cents at least. */
const dollars = (digits: string): string => {
  const [whole, cents = ""] = digits.split(".")
  return `$${whole}.${cents.replace(/0+$/, "").padEnd(2, "0")}`
}

/** An amount of US dollars in whole cents, or with three digits that count: `$12.50`, `$0.00315`. */
export const cost = (usd: string | number): string => {
  const amount = Number(usd)
  if (!Number.isFinite(amount)) return String(usd)
  if (amount > 0 && amount < 1e-12) return "< $0.000000000001"
  return dollars(amount >= 1 ? amount.toFixed(2) : Number(amount.toPrecision(3)).toFixed(12))
}

/** An amount of US dollars with all its digits: `$12.440310001`. */
export const exactCost = (usd: string): string => /^\d+(\.\d+)?$/.test(usd) ? dollars(usd) : cost(usd)

/** A sum of costs of which some may be unknown. */
export interface CostSum {
  readonly costUsd?: string | undefined
  readonly unknownCosts?: number | undefined
}

/** A sum of costs: `$0.50`, or `at least $0.50` if some are unknown. Absent if none is known. */
export const costText = (
  { costUsd, unknownCosts = 0 }: CostSum,
  form: (usd: string) => string = cost
): string | undefined => costUsd === undefined ? undefined : `${unknownCosts > 0 ? "at least " : ""}${form(costUsd)}`

/** A difference with its sign, such as `+412 ms`. */
export const signed = (text: (amount: number) => string, amount: number): string =>
  amount === 0 ? text(0) : `${amount < 0 ? "−" : "+"}${text(Math.abs(amount))}`

/** A rate of rows: `12.3 per s`, or per minute where that is less than one. */
export const rate = (perSecond: number): string =>
  perSecond >= 1 ? `${perSecond.toFixed(perSecond < 100 ? 1 : 0)} per s` : `${(60 * perSecond).toFixed(1)} per min`

export const count = (amount: number): string => amount.toLocaleString("en")

export const plural = (amount: number, one: string, many = `${one}s`): string =>
  `${count(amount)} ${amount === 1 ? one : many}`

/** A share of a whole, 0 to 1. A part never looks like nothing, nor like the whole. */
export const percent = (share: number): string =>
  share > 0 && share < 0.01 ? "< 1 %" : share < 1 && share >= 0.995 ? "> 99 %" : `${Math.round(share * 100)} %`

export const bytes = (size: number): string =>
  size < 1_000
    ? `${size} B`
    : size < 1_000_000
    ? `${(size / 1_000).toFixed(1)} kB`
    : `${(size / 1_000_000).toFixed(1)} MB`

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })
const year = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" })

/** A moment in the reader's time: the time of day, and the date if it is not today. */
export const moment = (time: number): string => {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return "unknown"
  const now = new Date()
  if (date.toDateString() === now.toDateString()) return clock.format(date)
  return `${(date.getFullYear() === now.getFullYear() ? day : year).format(date)}, ${clock.format(date)}`
}

export const instant = (time: number): string => {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString()
}

/**
 * Characters that cannot be seen or that turn the direction of the text after them: control characters except the line
 * feed and the tab, marks of direction, spaces without width, and halves of surrogate pairs.
 */
const invisible =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** A text in which each invisible character is its escape, such as `\u202e`. */
export const visible = (text: string): string =>
  text.replace(invisible, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** The escapes of the invisible characters of a text, each once, at most four. */
export const invisibleIn = (text: string): ReadonlyArray<string> =>
  [...new Set(text.match(invisible))].slice(0, 4).map(visible)

/** A text of one line. */
export const oneLine = (text: string): string => visible(text.replace(/\s+/g, " ").trim())

/** An id that fits a column: its beginning and its end, by which ids differ. */
export const shortId = (id: string): string => id.length <= 18 ? id : `${id.slice(0, 8)}…${id.slice(-6)}`
