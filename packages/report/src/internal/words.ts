/** The words and numbers of pictures of a run: times, marks of an axis, and texts that fit their columns. */
import { maskSecrets } from "@effect-noukai/sdk/kit/runs/report"
import * as Arr from "effect/Array"

/** Facts in one line. */
export const joined = (...parts: ReadonlyArray<string | undefined>): string =>
  parts.filter((part) => part !== undefined).join(" · ")

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

/** The times of the marks of an axis, in milliseconds: 0, and at most `most` others. */
export const ticksOf = (totalMs: number, most: number): ReadonlyArray<number> => {
  const step = steps.find((step) => totalMs / step <= most) ?? 24 * hour * Math.ceil(totalMs / most / (24 * hour))
  return Arr.makeBy(Math.floor(totalMs / step) + 1, (nth) => nth * step)
}

/** Characters that neither XML nor a terminal is to be given, and those that turn the direction of what follows. */
const forbidden =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** A key of Noukai, wherever it stands. */
const key = /nk_[A-Za-z0-9_-]{4,}/g

/** A text without keys and without characters that break a picture. */
export const safeText = (text: string): string => maskSecrets(text.replace(key, "nk_…")).replace(forbidden, "\ufffd")

const isWide = (code: number): boolean =>
  code >= 0x1100 &&
  (code <= 0x115f || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
    code >= 0x1f300)

/** The columns of a text in a monospaced font. */
export const widthOf = (text: string): number => {
  let width = 0
  for (const character of text) width += isWide(character.codePointAt(0)!) ? 2 : 1
  return width
}

/** The columns of the widest of many texts. */
export const widest = (texts: Iterable<string>, atLeast: number): number => {
  let most = atLeast
  for (const text of texts) most = Math.max(most, widthOf(text))
  return most
}

/** The beginning of a text that fits a number of columns. */
export const cutText = (text: string, columns: number): string => {
  // no character has more than 2 code units
  if (text.length <= columns * 2 && widthOf(text) <= columns) return text
  let out = ""
  let width = 0
  for (const character of text) {
    width += isWide(character.codePointAt(0)!) ? 2 : 1
    if (width > Math.max(1, columns - 1)) break
    out += character
  }
  return `${out}…`
}
