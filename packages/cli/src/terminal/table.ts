/** Tables: values in columns, which nothing in them can break. */
import stringWidth from "string-width"
import { plain } from "./text.js"

const letters = new Intl.Segmenter()

/** The beginning of a text that fits into columns. */
export const cut = (text: string, columns: number): string => {
  let [kept, width] = ["", 0]
  for (const { segment } of letters.segment(text)) {
    width += stringWidth(segment)
    if (width > columns) break
    kept += segment
  }
  return kept
}

/** A text that fits into columns: its beginning and …, where it is longer. */
export const shortened = (text: string, columns: number): string =>
  stringWidth(text) > columns ? `${cut(text, columns - 1)}…` : text

/** A text in one line. */
export const cell = (text: string): string => plain(text.replace(/\s+/g, " "))

/** A value of a table: text, a number, or nothing. */
export type Value = string | number | undefined

const shown = (value: Value): string => value === undefined ? "" : cell(String(value))

/** Values in columns of their own widths, or wider. A width below 0 puts its values to the right. */
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

/** The columns of the widest value. */
export const widest = (values: ReadonlyArray<Value>): number =>
  values.reduce<number>((width, value) => Math.max(width, stringWidth(shown(value))), 0)

/** Rows whose columns are as wide as their widest values. Columns that are `toTheRight` are numbers. */
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
