/** The rows of a run, and where its times are on the axis. */
import type { Bar, RunDetail } from "./api.js"

export interface TimelineRow {
  readonly bar: Bar
  /** The place of the bar in the run. */
  readonly index: number
  /** Of a loop: its iterations, and those that failed. */
  readonly iterations: number
  readonly failed: number
  readonly isOpen: boolean
}

export const barKey = ({ attempt, loopIndex, stepId }: Pick<Bar, "attempt" | "loopIndex" | "stepId">): string =>
  JSON.stringify([stepId, loopIndex ?? null, attempt])

/**
 * The rows to show: loops are folded unless opened. A search shows what it finds in names and errors, and the bars that were
 * found elsewhere.
 */
export const rowsOf = (
  bars: ReadonlyArray<Bar>,
  opened: ReadonlySet<string>,
  find: string,
  found: ReadonlySet<string> = new Set()
): ReadonlyArray<TimelineRow> => {
  const sought = find.trim().toLowerCase()
  const rows: Array<TimelineRow> = []
  let loop: { row: { -readonly [Name in keyof TimelineRow]: TimelineRow[Name] } | undefined } = { row: undefined }
  // an iteration has a bar for each of its steps and attempts
  const counted = new Set<number | undefined>()
  const failed = new Set<number | undefined>()
  bars.forEach((bar, index) => {
    if (bar.depth === 0) {
      loop = { row: undefined }
      counted.clear()
      failed.clear()
    } else if (loop.row !== undefined) {
      loop.row.iterations = counted.add(bar.loopIndex).size
      if (bar.kind === "failed") loop.row.failed = failed.add(bar.loopIndex).size
    }
    if (sought !== "") {
      const isFound = bar.label.toLowerCase().includes(sought) || bar.kind.includes(sought) ||
        bar.failure.some((line) => line.toLowerCase().includes(sought)) || (found.size > 0 && found.has(barKey(bar)))
      if (isFound) rows.push({ bar, index, iterations: 0, failed: 0, isOpen: false })
      return
    }
    if (bar.depth === 1 && loop.row?.isOpen === false) return
    const row = { bar, index, iterations: 0, failed: 0, isOpen: opened.has(barKey(bar)) }
    if (bar.isLoop) loop = { row }
    rows.push(row)
  })
  return rows
}

/** The loop that a bar is an iteration of. */
export const loopOf = (bars: ReadonlyArray<Bar>, index: number): Bar | undefined => {
  if (bars[index]?.depth !== 1) return undefined
  for (let at = index; at >= 0; at--) if (bars[at]!.depth === 0) return bars[at]
  return undefined
}

export interface Stretch {
  readonly from: number
  readonly to: number
}

/** The part of the width that a folded stretch keeps, and the shortest one, as a part of the run. */
const foldedWidth = 0.03
const shortest = 0.05
const mostFolded = 12

/** The longest stretches in which no step ran. */
export const idleStretches = (bars: ReadonlyArray<Bar>, totalMs: number, nowMs: number): ReadonlyArray<Stretch> => {
  const busy = bars.filter(({ isLoop }) => !isLoop)
    .map(({ durationMs, kind, startMs }): Stretch => ({
      from: startMs,
      to: kind === "running" ? nowMs : startMs + durationMs
    }))
    .sort((one, other) => one.from - other.from)
  if (busy.length === 0) return []
  const idle: Array<Stretch> = []
  let at = 0
  for (const { from, to } of [...busy, { from: totalMs, to: totalMs }]) {
    if (from - at >= shortest * totalMs && from > at) idle.push({ from: at, to: from })
    at = Math.max(at, to)
  }
  return idle.sort((one, other) => other.to - other.from - one.to + one.from).slice(0, mostFolded)
    .sort((one, other) => one.from - other.from)
}

export interface Scale {
  /** Where a time is, as a part of the width. */
  readonly at: (ms: number) => number
  readonly folded: ReadonlyArray<Stretch>
}

export const scaleOf = (totalMs: number, folded: ReadonlyArray<Stretch>): Scale => {
  if (totalMs <= 0) return { at: () => 0, folded: [] }
  if (folded.length === 0) return { at: (ms) => Math.max(0, Math.min(1, ms / totalMs)), folded }
  const rest = Math.max(1e-9, totalMs - folded.reduce((sum, { from, to }) => sum + to - from, 0))
  const perMs = (1 - folded.length * foldedWidth) / rest
  const at = (ms: number): number => {
    let place = 0
    let time = 0
    for (const { from, to } of folded) {
      if (ms <= from) break
      place += (from - time) * perMs
      if (ms < to) return place + foldedWidth * (ms - from) / (to - from)
      place += foldedWidth
      time = to
    }
    return Math.min(1, place + (Math.min(ms, totalMs) - time) * perMs)
  }
  return { at, folded }
}

/** The scale of a part of the run. Times outside of it have places outside of 0 to 1. */
export const zoomedScale = (scale: Scale, zoom: Stretch | undefined): Scale => {
  if (zoom === undefined) return scale
  const from = scale.at(zoom.from)
  const width = Math.max(1e-9, scale.at(zoom.to) - from)
  return { at: (ms) => (scale.at(ms) - from) / width, folded: scale.folded }
}

/** The time at a place of the width. */
export const timeAt = ({ at }: Scale, totalMs: number, place: number): number => {
  let [low, high] = [0, totalMs]
  for (let nth = 0; nth < 50; nth++) {
    const middle = (low + high) / 2
    if (at(middle) < place) low = middle
    else high = middle
  }
  return high
}

/** The ends of a part of a run in whole milliseconds, and within the run. `undefined`: all of the run. */
export const zoomOf = (from: number, to: number, totalMs: number): Stretch | undefined => {
  const last = Math.max(1, Math.ceil(totalMs))
  const width = Math.max(1, Math.round(to - from))
  if (width >= last) return undefined
  const first = Math.max(0, Math.min(last - width, Math.round(from)))
  return { from: first, to: first + width }
}

/** Whether a bar has a part within a part of the run. A bar that goes on has no end. */
export const isWithin = ({ durationMs, kind, startMs }: Bar, { from, to }: Stretch): boolean =>
  startMs <= to && (kind === "running" || startMs + durationMs >= from)

/** The bars of the critical path, and the loops that they are in. */
export const criticalBars = ({ bars, criticalPath }: RunDetail): ReadonlySet<Bar> => {
  const critical = new Set<Bar>()
  for (const index of criticalPath) {
    const [bar, loop] = [bars[index], loopOf(bars, index)]
    if (bar !== undefined) critical.add(bar)
    if (loop !== undefined) critical.add(loop)
  }
  return critical
}

export interface StepShare {
  readonly time: number
  readonly cost: number
}

/** The share of each step in the time of all steps and in their cost. */
export const sharesOf = ({ steps }: RunDetail): ReadonlyArray<StepShare> => {
  const time = steps.reduce((sum, { busyMs }) => sum + busyMs, 0)
  const cost = steps.reduce((sum, { costUsd }) => sum + Number(costUsd), 0)
  return steps.map(({ busyMs, costUsd }) => ({
    time: time === 0 ? 0 : busyMs / time,
    cost: cost === 0 ? 0 : Number(costUsd) / cost
  }))
}
