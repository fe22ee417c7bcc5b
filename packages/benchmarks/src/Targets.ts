/**
 * What the product must reach, as ratios of µs per operation against a peer in the same rounds: lower is better.
 */
import type { SuiteResult } from "./Report.js"
import { columns } from "./Report.js"

interface Target {
  readonly measure: string
  readonly suite: string
  readonly group: string
  readonly row: string
  readonly baseline: string
  readonly ratio: number
}

const official = "@noukai/sdk 0.3.0"
const bare = "undici.request + JSON.parse"
const parser = "undici + eventsource-parser + JSON.parse"
const loop = "10,000 events of 320 B, 20 steps in a loop"

const targets: ReadonlyArray<Target> = [
  ["FlowService.execute, 32 in flight", "execute", "execute, 32 in flight", "FlowService.execute", official, 0.22],
  ["FlowService.execute, 32 in flight", "execute", "execute, 32 in flight", "FlowService.execute", bare, 1.35],
  ["FlowService.execute, one at a time", "execute", "execute, 1 in flight", "FlowService.execute", official, 0.48],
  ["FlowService.execute, one at a time", "execute", "execute, 1 in flight", "FlowService.execute", bare, 1.15],
  ["Promise execute, 32 in flight", "promise", "execute, 32 in flight", "@effect-noukai/promise", official, 0.35],
  ["FlowService.events, per event", "events", loop, "FlowService.events, runFold", official, 0.7],
  ["FlowService.events, per event", "events", loop, "FlowService.events, runFold", parser, 1.4],
  ["Promise events, per event", "promise", `a stream of ${loop}`, "@effect-noukai/promise", official, 0.75],
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
].map(([measure, suite, group, row, baseline, ratio]) => ({ measure, suite, group, row, baseline, ratio }) as Target)

/** A line for each target that was measured. */
export const againstTargets = (results: ReadonlyArray<SuiteResult>): string | undefined => {
  const lines = targets.flatMap((target) => {
    const suite = results.find((result) => result.suite === target.suite)
    if (suite === undefined) return []
    const found = suite.groups.find(({ name }) => name === target.group)
      ?.rows.find(({ name }) => name === target.row)
      ?.ratios.find(({ baseline }) => baseline === target.baseline)
    if (found === undefined) throw new Error(`nothing measures ${target.measure} against ${target.baseline}`)
    return [[
      target.measure,
      target.baseline,
      found.median.toFixed(2),
      target.ratio.toFixed(2),
      found.median <= target.ratio ? "" : "over"
    ]]
  })
  return lines.length === 0 ? undefined : columns([["measure", "against", "ratio", "target", ""], ...lines])
}
