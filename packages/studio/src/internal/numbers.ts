/** The numbers of the runs of a list: in all, by version, and by day. */
import type { Numbers, RunNumbers, VersionNumbers } from "../NumbersApi.js"
import type { Run } from "../RunsApi.js"
import { CostSum, inMap } from "./costSum.js"
import { instantOf } from "./times.js"

/** The most versions and days that are listed. */
const most = { versions: 500, days: 366 }

/** The day of an instant in UTC, such as `2026-11-30`. */
export const dayOf = (instant: number | undefined): string | undefined => instantOf(instant)?.slice(0, -14)

/** The least of some numbers that a share of them does not exceed. */
const nearestRank = (sorted: Float64Array, share: number): number => sorted[Math.ceil(share * sorted.length) - 1]!

class Tally {
  private readonly sum = new CostSum()
  private readonly durations: Array<number> = []
  private ended = 0
  private failed = 0

  add(run: Run): void {
    this.sum.add(run)
    if (run.status !== "completed" && run.status !== "failed") return
    this.ended++
    if (run.status === "failed") this.failed++
    if (run.durationMs !== undefined) this.durations.push(run.durationMs)
  }

  /** The tally of the runs of several. */
  static of(tallies: Iterable<Tally>): Tally {
    const all = new Tally()
    for (const { durations, ended, failed, sum } of tallies) {
      all.sum.merge(sum)
      all.ended += ended
      all.failed += failed
      for (const duration of durations) all.durations.push(duration)
    }
    return all
  }

  get numbers(): RunNumbers {
    const { durations, ended, failed, sum } = this
    const sorted = Float64Array.from(durations).sort()
    return {
      ...sum.costs,
      ended,
      failed,
      timed: sorted.length,
      ...sorted.length > 0 && { p50Ms: nearestRank(sorted, 0.5), p95Ms: nearestRank(sorted, 0.95) }
    }
  }
}

/** The days by their number since 1970. */
interface Version extends Pick<VersionNumbers, "flow" | "version"> {
  readonly days: Map<number | undefined, Tally>
}

const msOfDay = 86_400_000

/** Counts runs, newest first. */
export const numbersOf = (runs: ReadonlyArray<Run>, limits = most): Numbers => {
  const flows = new Map<string, Map<string | undefined, Version>>()
  for (const run of runs) {
    const { flow, startedAt, version } = run
    const versions = inMap(flows, flow, () => new Map<string | undefined, Version>())
    const of = inMap(versions, version, () => ({
      flow,
      ...version !== undefined && { version },
      days: new Map<number | undefined, Tally>()
    }))
    const day = startedAt === undefined ? undefined : Math.floor(startedAt / msOfDay)
    inMap(of.days, day, () => new Tally()).add(run)
  }
  const versions = [...flows].sort(([one], [other]) => one < other ? -1 : 1)
    .flatMap(([, of]) => [...of.values()])
    .map((of) => ({ ...of, tally: Tally.of(of.days.values()) }))
  return {
    all: Tally.of(versions.map(({ tally }) => tally)).numbers,
    total: versions.length,
    versions: versions.slice(0, limits.versions).map(({ days, tally, ...of }) => ({
      ...of,
      ...tally.numbers,
      days: [...days].sort(([one = -Infinity], [other = -Infinity]) => one < other ? 1 : -1).slice(0, limits.days)
        .map(([nth, tally]) => {
          const day = nth === undefined ? undefined : dayOf(nth * msOfDay)
          return { ...day !== undefined && { day }, ...tally.numbers }
        })
    }))
  }
}
