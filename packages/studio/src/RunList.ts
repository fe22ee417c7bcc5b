/**
 * Runs in memory, newest first, for sources that keep their list.
 *
 * @since 0.1.0
 */
import { type Names, orThrow } from "@effect-noukai/sdk/kit/names"
import type { Point, Points, Run, RunFilter, RunOrder, RunPage } from "./RunsApi.js"

/**
 * The part of a list to return.
 *
 * @since 0.1.0
 * @category models
 */
export interface PageOfRuns {
  readonly offset: number
  readonly limit: number
  /** Default: `-startedAt`, the newest first. */
  readonly order?: RunOrder | undefined
}

/**
 * A list of runs. Its operations take time in proportion to what they return; those with a filter, to all runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunList {
  /** The number of runs. */
  readonly size: number
  readonly get: (id: string) => Run | undefined
  /** Adds a run, or replaces the one with its id. */
  readonly put: (run: Run) => void
  /** Removes a run. Returns whether it was in the list. */
  readonly remove: (id: string) => boolean
  readonly clear: () => void
  /**
   * Returns a part of the list. `limit: 0` counts only. Throws a `TypeError` for an unknown field, and for an `offset` or
   * `limit` that is not an integer of at least 0.
   */
  readonly page: (filter: RunFilter, page: PageOfRuns) => RunPage
  /** Returns all runs of a filter, newest first. */
  readonly all: (filter: RunFilter) => ReadonlyArray<Run>
  /** Returns the runs as a picture. Outliers are told by all runs of their flow, also by those that the filter leaves out. */
  readonly points: (filter: RunFilter) => Points
}

/** A run in its place, with the texts that filters read. */
interface Entry {
  readonly run: Run
  readonly order: number
  readonly flow: string
  readonly text: string
}

const lower = (text: string | undefined): string => text?.toLowerCase() ?? ""

const textOf = (run: Run): string => {
  const { error, flow, id, input, model, output, problem, sessionId, status, trigger, version } = run
  // a character that nobody searches, so that no text matches across two fields
  return [id, flow, version, status, trigger, sessionId, error, problem, model, input, output].map(lower).join("\u0000")
}

const entryOf = (run: Run, order: number): Entry => ({ run, order, flow: lower(run.flow), text: textOf(run) })

type Matches = (entry: Pick<Entry, "run" | "flow" | "text">) => boolean

const filterNames: Names<RunFilter> = {
  flow: true,
  ofFlow: true,
  status: true,
  session: true,
  from: true,
  to: true,
  text: true
}

/** The conditions of a filter. `undefined`: every run matches. */
const conditionOf = (filter: RunFilter): Matches | undefined => {
  const { flow, from, ofFlow, session, status, text, to } = orThrow("RunList filter", filter, filterNames)
  const [flowPart, part] = [lower(flow), lower(text)]
  const conditions: ReadonlyArray<Matches> = [
    ...flowPart === "" ? [] : [(entry: Pick<Entry, "flow">) => entry.flow.includes(flowPart)],
    ...ofFlow === undefined || ofFlow === "" ? [] : [({ run }: Pick<Entry, "run">) => run.flow === ofFlow],
    ...from === undefined
      ? []
      : [({ run }: Pick<Entry, "run">) => run.startedAt !== undefined && run.startedAt >= from],
    ...to === undefined ? [] : [({ run }: Pick<Entry, "run">) => run.startedAt !== undefined && run.startedAt <= to],
    ...status === undefined || status === "" ? [] : [({ run }: Pick<Entry, "run">) => run.status === status],
    ...session === undefined || session === ""
      ? []
      : [({ run }: Pick<Entry, "run">) => lower(run.sessionId) === lower(session)],
    ...part === "" ? [] : [(entry: Pick<Entry, "text">) => entry.text.includes(part)]
  ]
  return conditions.length === 0 ? undefined : (entry) => conditions.every((fits) => fits(entry))
}

/**
 * Returns whether runs belong to the list of a filter. An empty condition is always met. Throws a `TypeError` for an unknown
 * field.
 *
 * @since 0.1.0
 * @category combinators
 */
export const matches = (filter: RunFilter): (run: Run) => boolean => {
  const condition = conditionOf(filter)
  return condition === undefined ? () => true : (run) => condition(entryOf(run, 0))
}

const startOf = ({ run }: Entry): number => run.startedAt ?? 0

/** Whether an entry stands before another one: the list is kept from the oldest to the newest. */
const isBefore = (entry: Entry, other: Entry): boolean =>
  startOf(entry) < startOf(other) || (startOf(entry) === startOf(other) && entry.order < other.order)

const newestFirst: RunOrder = "-startedAt"

/** Sorts the runs of a list, newest first, by another order. Runs that are equal in it stay the newest first. */
const sorted = (newestFirst: ReadonlyArray<Run>, order: RunOrder): ReadonlyArray<Run> => {
  const isDown = order.startsWith("-")
  const name = order.replace("-", "") as Exclude<RunOrder, `-${string}`>
  const factOf = (run: Run): number | string | undefined =>
    name === "costUsd" && run.costUsd !== undefined ? Number(run.costUsd) : run[name]
  const known = newestFirst.flatMap((run) => {
    const fact = factOf(run)
    return fact === undefined ? [] : [{ run, fact }]
  })
  const direction = isDown ? -1 : 1
  known.sort((one, other) => one.fact < other.fact ? -direction : one.fact > other.fact ? direction : 0)
  return [...known.map(({ run }) => run), ...newestFirst.filter((run) => factOf(run) === undefined)]
}

/** The most points of a picture. */
const mostPoints = 2_000

/** A flow with fewer runs has no outliers. */
const leastRuns = 8

/**
 * Returns the longest duration of a flow that is usual: three ranges between the quartiles above the upper one, and twice the
 * median at least.
 */
const usualDuration = (durations: ReadonlyArray<number>): number => {
  if (durations.length < leastRuns) return Infinity
  const sorted = Float64Array.from(durations).sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!
  return Math.max(at(0.75) + 3 * (at(0.75) - at(0.25)), 2 * at(0.5))
}

/** A point and the order of its run. */
interface Placed {
  readonly point: Point
  readonly order: number
}

/** Spreads whole numbers over 0 to 1, so that those of any arithmetic progression lie evenly. */
const spread = (order: number): number => (Math.imul(order, 0x9e3779b1) >>> 0) / 2 ** 32

/**
 * Returns an equal share of runs, so that at most so many remain. A run is chosen by its order alone: a list that grows keeps
 * its choice until the share is halved.
 */
const shared = (all: ReadonlyArray<Placed>, most: number): ReadonlyArray<Placed> => {
  let kept = all
  for (let share = 1 / 2; kept.length > most; share /= 2) kept = kept.filter(({ order }) => spread(order) < share)
  return kept
}

/** Returns all failures and outliers, as far as there is room, and an equal share of the others. */
const thinned = (all: ReadonlyArray<Placed>): ReadonlyArray<Point> => {
  const isMarked = ({ point: { isOutlier, status } }: Placed) => isOutlier || status === "failed"
  const marked = shared(all.filter(isMarked), mostPoints)
  const others = shared(all.filter((placed) => !isMarked(placed)), mostPoints - marked.length)
  const kept = new Set([...marked, ...others])
  return all.flatMap((placed) => kept.has(placed) ? [placed.point] : [])
}

/**
 * Creates an empty list. Runs that began at one instant are in the order in which they were added.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): RunList => {
  const byId = new Map<string, Entry>()
  const entries: Array<Entry> = []
  let orders = 0

  /** The index of an entry, or the one at which it belongs. */
  const indexOf = (entry: Entry): number => {
    let [low, high] = [0, entries.length]
    const last = entries.at(-1)
    if (last === undefined || isBefore(last, entry)) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(entries[middle]!, entry)) low = middle + 1
      else high = middle
    }
    return low
  }

  const remove = (id: string): boolean => {
    const entry = byId.get(id)
    if (entry === undefined) return false
    byId.delete(id)
    entries.splice(indexOf(entry), 1)
    return true
  }

  return {
    get size() {
      return entries.length
    },
    get: (id) => byId.get(id)?.run,
    put: (run) => {
      const before = byId.get(run.id)
      const entry = entryOf(run, before?.order ?? orders++)
      if (before !== undefined && startOf(before) === startOf(entry)) entries[indexOf(before)] = entry
      else {
        remove(run.id)
        entries.splice(indexOf(entry), 0, entry)
      }
      byId.set(run.id, entry)
    },
    remove,
    clear: () => {
      byId.clear()
      entries.length = 0
    },
    page: (filter, page) => {
      const names = { offset: true, limit: true, order: true } as const
      const { limit, offset, order = newestFirst } = orThrow("RunList.page", page, names, ["offset", "limit"])
      const condition = conditionOf(filter)
      if (order !== newestFirst && limit > 0) {
        const found = entries.filter(condition ?? (() => true)).reverse().map(({ run }) => run)
        return { runs: sorted(found, order).slice(offset, offset + limit), total: found.length }
      }
      if (condition === undefined) {
        const end = Math.max(0, entries.length - offset)
        const part = entries.slice(Math.max(0, end - limit), end)
        return { runs: part.reverse().map(({ run }) => run), total: entries.length }
      }
      const runs: Array<Run> = []
      let total = 0
      for (let index = entries.length - 1; index >= 0; index--) {
        const entry = entries[index]!
        if (!condition(entry)) continue
        if (total >= offset && runs.length < limit) runs.push(entry.run)
        total++
      }
      return { runs, total }
    },
    all: (filter) => {
      const condition = conditionOf(filter) ?? (() => true)
      return entries.filter(condition).reverse().map(({ run }) => run)
    },
    points: (filter) => {
      const condition = conditionOf(filter) ?? (() => true)
      const durations = new Map<string, Array<number>>()
      for (const { run: { durationMs, flow } } of entries) {
        if (durationMs === undefined) continue
        const others = durations.get(flow)
        if (others === undefined) durations.set(flow, [durationMs])
        else others.push(durationMs)
      }
      const usual = new Map<string, number>()
      const isOutlier = (flow: string, durationMs: number): boolean => {
        const longest = usual.get(flow) ?? usualDuration(durations.get(flow) ?? [])
        usual.set(flow, longest)
        return durationMs > longest
      }
      const placed: Array<Placed> = []
      for (const entry of entries) {
        const { durationMs, flow, id, startedAt, status } = entry.run
        if (startedAt === undefined || durationMs === undefined || !condition(entry)) continue
        placed.push({
          point: { id, flow, status, startedAt, durationMs, isOutlier: isOutlier(flow, durationMs) },
          order: entry.order
        })
      }
      return { points: thinned(placed), total: placed.length }
    }
  }
}
