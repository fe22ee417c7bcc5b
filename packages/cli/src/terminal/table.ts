/** Tables. Values are printed in one line each. */
import stringWidth from "string-width"
import { cell } from "./text.js"

const letters = new Intl.Segmenter()

/** Returns the start of a text that fits into the columns. */
export const cut = (text: string, columns: number): string => {
  let [kept, width] = ["", 0]
  for (const { segment } of letters.segment(text)) {
    width += stringWidth(segment)
    if (width > columns) break
    kept += segment
  }
  return kept
}

/** Returns a text that fits into the columns. A longer text ends with `…`. */
export const shortened = (text: string, columns: number): string =>
  stringWidth(text) > columns ? `${cut(text, columns - 1)}…` : text

/** A value in a table. */
export type Value = string | number | undefined

const shown = (value: Value): string => value === undefined ? "" : cell(String(value))

/** Formats a row. A negative width aligns its values to the right. */
export const row = (
  values: ReadonlyArray<Value>,
  widths: ReadonlyArray<number>,
  gap = 2
): string => {
  const cells = values.map((value, index) => {
    const text = shown(value)
    const width = widths[index] ?? 0
    const padding = " ".repeat(Math.max(0, Math.abs(width) - stringWidth(text)))
    return width < 0 ? padding + text : text + padding
  })
  return `${cells.join(" ".repeat(gap)).trimEnd()}\n`
}

/** Returns the width of the widest value, in columns. */
export const widest = (values: ReadonlyArray<Value>): number =>
  values.reduce<number>((width, value) => Math.max(width, stringWidth(shown(value))), 0)

/** Formats rows with columns of the width of their widest value. Columns in `toTheRight` are aligned to the right. */
export const table = (
  rows: ReadonlyArray<ReadonlyArray<Value>>,
  toTheRight: ReadonlyArray<number> = []
): string => {
  const widths = (rows[0] ?? []).map((_, index) => {
    const width = widest(rows.map((values) => values[index]))
    return toTheRight.includes(index) ? -width : width
  })
  return rows.map((values) => row(values, widths)).join("")
}

/** Formats values with their names. Omits those that are absent. */
export const list = (values: { readonly [name: string]: Value }): string =>
  table(Object.entries(values).filter(([, value]) => value !== undefined))
