/** Tables: values in columns, which nothing in them can break. */
import { plain } from "./Terminal.js"

/** A text in one line. */
export const cell = (text: string): string => plain(text).replace(/\s+/g, " ")

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
    return width < 0 ? text.padStart(-width) : text.padEnd(width)
  })
  return `${cells.join(" ".repeat(gap)).trimEnd()}\n`
}

/** Rows whose columns are as wide as their widest values. Columns that are `toTheRight` are numbers. */
export const table = (
  rows: ReadonlyArray<ReadonlyArray<Value>>,
  toTheRight: ReadonlyArray<number> = []
): string => {
  const widths = (rows[0] ?? []).map((_, index) => {
    const widest = Math.max(...rows.map((values) => shown(values[index]).length))
    return toTheRight.includes(index) ? -widest : widest
  })
  return rows.map((values) => row(values, widths)).join("")
}
