/**
 * A stored run as rows of bars: where each step stands in the time of its run, as fractions of the width. Pictures, text
 * and pages are drawn from it.
 *
 * @since 0.1.0
 */
import * as Kit from "@effect-noukai/sdk/kit/names"
import {
  formatCost,
  millisOf,
  payloadText,
  type PlacedStep,
  problemOf,
  sumCosts,
  timelineOf,
  unknownCostsIn
} from "@effect-noukai/sdk/kit/runs/report"
import type { StepTrace, Trace } from "@effect-noukai/sdk/Trace"
import * as Arr from "effect/Array"

/**
 * How a bar ended, or stands. A status that is not known is `other`.
 *
 * @since 0.1.0
 * @category models
 */
export type BarKind = "completed" | "failed" | "running" | "skipped" | "other"

/**
 * One attempt at a step, in one iteration if the step is in a loop. Times are in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bar {
  readonly step: StepTrace
  /** The step, its iteration, and its attempt if it is not the first. */
  readonly label: string
  readonly kind: BarKind
  /** Whether the iterations of a loop are its work. */
  readonly isLoop: boolean
  /** The left end and the width, as fractions of the run: 0 to 1. */
  readonly from: number
  readonly width: number
  /** The share of the bar in which it waited for tools, 0 to 1: how long, not when, which a trace does not say. */
  readonly waiting: number
  /** The time from the start of the run. */
  readonly startMs: number
  readonly durationMs: number
  readonly waitingMs: number
  /** Whether its cost is unknown, by the rule of `Trace.Amounts`. */
  readonly isCostUnknown: boolean
  /** Its error and its input, a line each, as far as they were captured. Empty if it has no error and did not fail. */
  readonly failure: ReadonlyArray<string>
}

/**
 * The time, the tokens and the cost of bars together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Totals {
  readonly durationMs: number
  readonly tokens: number
  /** The known costs in US dollars, as decimal text. Absent where no step tells its cost. */
  readonly costUsd?: string
  /** The number of steps whose cost is unknown, by the rule of `Trace.Amounts`. */
  readonly unknownCosts: number
}

/**
 * A row: one bar, or all bars of one step. Its totals are those of its bars together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row extends Totals {
  readonly label: string
  /** 1 for iterations below their loop. */
  readonly depth: 0 | 1
  /** In the order in which they are drawn: failed ones lie on top. */
  readonly bars: Arr.NonEmptyReadonlyArray<Bar>
  /** The number of bars that failed. */
  readonly failed: number
  /** The last bar with an error, otherwise the last one that failed. */
  readonly failure?: Bar
}

/**
 * A run as rows of bars.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceLayout extends Totals {
  readonly status: string
  /** When it began, in milliseconds since 1970. Absent where the trace tells no instant. */
  readonly startedAt?: number
  /** The time that the whole width stands for. It is longer than the run where clocks differ. */
  readonly totalMs: number
  readonly waitingMs: number
  readonly rows: ReadonlyArray<Row>
  /** All bars, each loop followed by its iterations. */
  readonly bars: ReadonlyArray<Bar>
  /**
   * The row to show first: the last attempt at the first step whose failure no later attempt mended, an iteration
   * before its loop. Otherwise the last step that is not a loop. Absent without steps.
   */
  readonly focus?: number
}

/**
 * The options of {@link make}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The number of bars from which on all bars of one step share a row. Default: each bar has its own row. */
  readonly maxRows?: number | undefined
}

/**
 * Lays out a run. A step whose start is not told follows the step before it, and one that goes on lasts to the last moment
 * that the trace knows.
 *
 * @example
 * import { RunService } from "@effect-noukai/sdk"
 * import * as TraceLayout from "@effect-noukai/report/TraceLayout"
 * import { Effect } from "effect"
 *
 * const slowest = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const { bars } = TraceLayout.make(yield* runs.trace("acme/spelling/grade-3", executionId))
 *     return bars.filter(({ width }) => width > 0.5).map(({ label }) => label)
 *   })
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (trace: Trace, options: Options = {}): TraceLayout => {
  const { maxRows = Infinity } = Kit.orThrow("TraceLayout.make", options, { maxRows: true }, ["maxRows"])
  const { end, isDated, start, steps, waiting, wall } = timelineOf(trace)
  const total = Number(end - start)
  const unknown = unknownCostsIn<StepTrace>(trace)
  const loops = new Set(steps.map(({ loop }) => loop === undefined ? undefined : steps[loop]))
  const barOf = (placed: PlacedStep): Bar => ({
    step: placed.step,
    label: labelOf(placed.step),
    kind: kindOf(placed.step),
    isLoop: loops.has(placed),
    from: total === 0 ? 0 : Number(placed.start - start) / total,
    width: total === 0 ? 0 : Number(placed.end - placed.start) / total,
    waiting: placed.waiting === 0n ? 0 : Number(placed.waiting) / Number(placed.end - placed.start),
    startMs: millisOf(placed.start - start),
    durationMs: millisOf(placed.end - placed.start),
    waitingMs: millisOf(placed.waiting),
    isCostUnknown: unknown.has(placed.step),
    failure: failureOf(placed.step)
  })
  const ordered = inOrder(steps).map((placed) => ({ placed, bar: barOf(placed) }))
  const groups = ordered.length <= maxRows
    ? ordered.map(Arr.of)
    : Object.values(Arr.groupBy(ordered, ({ placed: { loop, step } }) => JSON.stringify([loop ?? null, step.stepId])))
  const rows = groups.map((group): Row => {
    const bars = Arr.map(group, ({ bar }) => bar)
    const [first] = group
    const failure = bars.findLast(({ step }) => step.errorContext !== undefined) ?? bars.findLast(isFailed)
    return {
      label: bars.length === 1 ? first.bar.label : `${first.bar.step.stepId} ×${bars.length}`,
      depth: first.placed.loop === undefined ? 0 : 1,
      bars: Arr.sort(bars, failedLast),
      failed: bars.filter(isFailed).length,
      ...(failure !== undefined && { failure }),
      ...totalsOf(bars)
    }
  })
  const focus = focusOf(rows)
  return {
    status: trace.flowRun.status,
    ...(isDated && { startedAt: millisOf(start) }),
    totalMs: millisOf(end - start),
    waitingMs: millisOf(waiting),
    rows,
    bars: ordered.map(({ bar }) => bar),
    ...(focus !== undefined && { focus }),
    ...totalsOf(ordered.map(({ bar }) => bar)),
    durationMs: millisOf(wall)
  }
}

/**
 * Returns the bars that decided when a run ended, as indices of `bars`, in order of time: the bar that ended last, before it
 * the one that had ended last when it began, and so on. Iterations stand for their loop, and waits for tools count. A bar may
 * begin up to 1 ms before the one before it ends, because durations are rounded.
 *
 * @since 0.1.0
 * @category combinators
 */
export const criticalPath = ({ bars }: TraceLayout): ReadonlyArray<number> => {
  const ordered = bars
    .map(({ durationMs, isLoop, kind, startMs }, index) => ({
      index,
      start: startMs,
      end: startMs + durationMs,
      isWork: !isLoop && kind !== "skipped"
    }))
    .filter(({ isWork }) => isWork)
    .sort((one, other) => other.end - one.end || other.start - one.start || other.index - one.index)
  const path: Array<number> = []
  let next: { readonly start: number } | undefined
  for (const { end, index, start } of ordered) {
    const isBefore = next === undefined || end <= next.start || (end <= next.start + 1 && start < next.start)
    if (!isBefore) continue
    path.push(index)
    next = { start }
  }
  return path.reverse()
}

const inOrder = (steps: ReadonlyArray<PlacedStep>): ReadonlyArray<PlacedStep> => {
  const iterations = Arr.groupBy(steps, ({ loop }) => String(loop))
  return steps.flatMap((step, index) => step.loop === undefined ? [step, ...(iterations[index] ?? [])] : [])
}

const kinds = ["completed", "failed", "running", "skipped"] as const

const kindOf = ({ status }: StepTrace): BarKind => kinds.find((kind) => kind === status) ?? "other"

const isFailed = ({ kind }: Bar): boolean => kind === "failed"

const failedLast = (one: Bar, other: Bar): -1 | 0 | 1 => isFailed(one) === isFailed(other) ? 0 : isFailed(one) ? 1 : -1

const labelOf = ({ attempt, loopIndex, stepId }: StepTrace): string =>
  `${stepId}${loopIndex === undefined ? "" : ` [${loopIndex}]`}${attempt === 1 ? "" : ` attempt ${attempt}`}`

const totalsOf = (bars: ReadonlyArray<Bar>): Totals => {
  const steps = bars.map(({ step }) => step)
  return {
    durationMs: bars.reduce((sum, { durationMs }) => sum + durationMs, 0),
    tokens: steps.reduce((sum, { tokens }) => sum + (tokens?.total ?? 0), 0),
    ...(steps.some(({ costUsd }) => costUsd !== undefined) && { costUsd: formatCost(sumCosts(steps)) }),
    unknownCosts: bars.filter(({ isCostUnknown }) => isCostUnknown).length
  }
}

const focusOf = (rows: ReadonlyArray<Row>): number | undefined => {
  const placeOf = ({ loopIndex, stepId }: StepTrace) => JSON.stringify([stepId, loopIndex ?? null])
  const completed = new Map<string, number>()
  for (const { kind, step } of rows.flatMap(({ bars }) => bars)) {
    const place = placeOf(step)
    if (kind === "completed") completed.set(place, Math.max(step.attempt, completed.get(place) ?? 0))
  }
  const lasts = (bar: Bar) => isFailed(bar) && !((completed.get(placeOf(bar.step)) ?? 0) > bar.step.attempt)
  const places = rows.map((row, index) => ({ row, index, isLoop: row.bars[0].isLoop }))
  const lasting = places.filter(({ row }) => row.bars.some(lasts))
  // a loop fails because of an iteration
  const [first] = [...lasting.filter(({ isLoop }) => !isLoop), ...lasting]
  if (first === undefined) return (places.findLast(({ isLoop }) => !isLoop) ?? places.at(-1))?.index
  const place = placeOf(first.row.bars[0].step)
  return lasting.findLast(({ row }) => placeOf(row.bars[0].step) === place)?.index
}

const reasonOf = (errorContext: unknown): string => {
  const { code, detail } = problemOf(errorContext)
  const words = [code, detail].filter((part) => part !== undefined).join(": ")
  return words === "" ? payloadText(errorContext) : words
}

const failureOf = ({ errorContext, inputContext, status }: StepTrace): ReadonlyArray<string> => {
  if (errorContext === undefined && status !== "failed") return []
  return [
    errorContext === undefined ? undefined : reasonOf(errorContext),
    inputContext === undefined ? undefined : `input: ${payloadText(inputContext)}`
  ].flatMap((line) => line === undefined ? [] : [line.replace(/\s+/g, " ").trim()])
}
