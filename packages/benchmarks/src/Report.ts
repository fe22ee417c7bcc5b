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

/** Columns of text, the first one to the left. */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ").trimEnd()
    )
    .join("\n")
}

export const table = (group: GroupResult): string =>
  columns([
    [
      group.name,
      "CPU µs/op",
      "wall",
      ...(group.rows.some(({ peak }) => peak !== undefined)
        ? ["peak MiB"]
        : []),
      ...group.baselines.flatMap((baseline) => [`of ${baseline}`, "quartiles"])
    ],
    ...group.rows.map((row) => [
      `  ${row.name}`,
      row.cpu.toFixed(2),
      row.wall.toFixed(2),
      ...(row.peak === undefined ? [] : [row.peak.toFixed(0)]),
      ...row.ratios.flatMap(({ baseline, high, low, median }) =>
        baseline === row.name ? ["1", ""] : [median.toFixed(2), `${low.toFixed(2)}–${high.toFixed(2)}`]
      )
    ])
  ])

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
