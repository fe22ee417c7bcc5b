/**
 * The goals of the product, as ratios of CPU time per operation against a peer in the same rounds, of wall time and
 * peaks of processes, and as sizes: lower is better.
 */
import { streams } from "./Fixtures.js"
import type { RowResult } from "./Measurement.js"
import { official } from "./OfficialClient.js"
import { columns, type SuiteResult } from "./Report.js"
import { effect4Rows } from "./suites/effect4.js"
import { startRows } from "./suites/start.js"

type Target = readonly [
  measure: string,
  suite: string,
  group: string,
  row: string,
  baseline: string,
  ratio: number,
  of?: "wall" | "peak"
]

/** The targets of one stream, through both clients. */
const stream = (name: string): ReadonlyArray<Target> => [
  [`FlowService.events, ${name}`, "events", name, "FlowService.events, runFold", official, 1.2],
  [`Promise events, ${name}`, "promise", `a stream of ${name}`, "@effect-noukai/promise", official, 1]
]

const targets: ReadonlyArray<Target> = [
  ["a start, wall", "start", startRows.group, startRows.live, startRows.effect, 1.2, "wall"],
  ["a start, memory", "start", startRows.group, startRows.live, startRows.effect, 1.15, "peak"],
  ["a start, bundled, wall", "start", startRows.group, startRows.bundled, startRows.node, 2.2, "wall"],
  ["an import of the Promise client", "start", startRows.imports, startRows.promise, startRows.promiseEffect, 1.3],
  ["FlowService.execute, 32 in flight", "execute", "execute, 32 in flight", "FlowService.execute", official, 0.3],
  ["FlowService.execute, one at a time", "execute", "execute, 1 in flight", "FlowService.execute", official, 0.45],
  ["Promise execute, 32 in flight", "promise", "execute, 32 in flight", "@effect-noukai/promise", official, 0.4],
  ["Promise execute, one at a time", "promise", "execute, 1 in flight", "@effect-noukai/promise", official, 0.55],
  ...Object.values(streams).flatMap(({ name }) => stream(name)),
  ["Effect 4 execute, 32 in flight", "effect4", "execute, 32 in flight", effect4Rows.own, effect4Rows.promise, 1.2],
  ["Effect 4 execute, one at a time", "effect4", "execute, 1 in flight", effect4Rows.own, effect4Rows.promise, 1.2],
  ...Object.values(streams).map(({ name }): Target => [
    `Effect 4 events, ${name}`,
    "effect4",
    `a stream of ${name}`,
    effect4Rows.own,
    effect4Rows.promise,
    1.35
  ]),
  ["an import of the client for Effect 4", "effect4", effect4Rows.imports, effect4Rows.own, effect4Rows.promise, 1.4],
  [
    "execute over fetch, 32 in flight",
    "execute",
    "execute, 32 in flight",
    "FlowService.execute over fetch",
    official,
    1.1
  ],
  ["one event of 8 MiB", "events", "one event of 8 MiB among three", "FlowService.events, runFold", official, 0.05],
  [
    "a replayed call among 10,000",
    "cassette",
    "load and replay, per recorded call",
    "10,000 calls",
    "100 calls",
    1.3
  ]
]

/** MiB of the process that is bundled. */
const bundledPeak = 60

const line = (measure: string, against: string, found: number, target: number, digits = 2): ReadonlyArray<string> => [
  measure,
  against,
  found.toFixed(digits),
  target.toFixed(digits),
  found <= target ? "met" : "over"
]

/** A line for each target that was measured. */
export const againstTargets = (results: ReadonlyArray<SuiteResult>): string | undefined => {
  const rowOf = (suite: SuiteResult, group: string, row: string): RowResult | undefined =>
    suite.groups.find(({ name }) => name === group)?.rows.find(({ name }) => name === row)
  const ofRatios = targets.flatMap(([measure, suite, group, row, baseline, ratio, of]) => {
    const measured = results.find((result) => result.suite === suite)
    if (measured === undefined) return []
    const found = rowOf(measured, group, row)?.ratios.find((each) => each.baseline === baseline)?.[of ?? "median"]
    if (found === undefined) throw new Error(`nothing measures ${measure} against ${baseline}`)
    return [line(measure, baseline, found, ratio)]
  })
  const start = results.find(({ suite }) => suite === "start")
  const peak = start === undefined ? undefined : rowOf(start, startRows.group, startRows.bundled)?.peak
  const lines = [
    ...ofRatios,
    ...(peak === undefined ? [] : [line("a start, bundled, memory", "MiB", peak, bundledPeak, 1)]),
    ...results.flatMap(({ sizes = [] }) =>
      sizes.flatMap(({ goal, name, size }) => goal === undefined ? [] : [line(`bundle, ${name}`, "kB", size, goal, 1)])
    )
  ]
  return lines.length === 0 ? undefined : columns([["measure", "against", "value", "target", ""], ...lines])
}
