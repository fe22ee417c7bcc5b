/**
 * Prints what was measured as a table and writes it to `results/<suite>.json`.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { cpus } from "node:os"
import type { Weighed } from "../../../scripts/sizes.mjs"
import type { GroupResult, Options } from "./Measurement.js"

export interface SuiteResult {
  readonly suite: string
  readonly groups: ReadonlyArray<GroupResult>
  /** kB of programs that are bundled with all of Effect that they use. */
  readonly sizes?: ReadonlyArray<Weighed> | undefined
  readonly facts?: ReadonlyArray<ReadonlyArray<string>> | undefined
}

/** A table of sizes: what a program weighs, and what a program weighs that only names the same of Effect. */
export const sizesTable = (sizes: ReadonlyArray<Weighed>): string =>
  columns([
    ["bundled, minified, gzipped", "kB", "of Effect"],
    ...sizes.map(({ name, ofEffect, size }) => [`  ${name}`, size.toFixed(1), ofEffect.toFixed(1)])
  ])

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
    groups: result.groups,
    sizes: result.sizes,
    facts: result.facts
  }
  await writeFile(new URL(`${result.suite}.json`, folder), `${JSON.stringify(file, undefined, 2)}\n`)
}
