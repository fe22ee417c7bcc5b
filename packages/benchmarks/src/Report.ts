/**
 * Prints what was measured as a table and writes it to `results/<suite>.json`.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { cpus } from "node:os"
import type { GroupResult, Options } from "./Measurement.js"

export interface SuiteResult {
  readonly suite: string
  readonly groups: ReadonlyArray<GroupResult>
}

const cells = (group: GroupResult): ReadonlyArray<ReadonlyArray<string>> => [
  [group.name, "µs/op", "best", "ratio", "quartiles"],
  ...group.rows.map((row) => [
    `  ${row.name}`,
    row.median.toFixed(2),
    row.best.toFixed(2),
    row.name === group.baseline ? "1" : row.ratio.toFixed(2),
    row.name === group.baseline ? "" : `${row.ratioLow.toFixed(2)}–${row.ratioHigh.toFixed(2)}`
  ])
]

export const table = (group: GroupResult): string => {
  const rows = cells(group)
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ").trimEnd()
    )
    .join("\n")
}

const folder = new URL("../results/", import.meta.url)

export const save = async (result: SuiteResult, options: Options): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const file = {
    suite: result.suite,
    at: new Date().toISOString(),
    node: process.version,
    cpus: cpus().map((cpu) => cpu.model),
    options,
    groups: result.groups
  }
  await writeFile(new URL(`${result.suite}.json`, folder), `${JSON.stringify(file, undefined, 2)}\n`)
}
