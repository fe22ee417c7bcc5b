/** The steps of a stored trace in their places: each with a start, an end, and the loop that it is in. */
import { attributeKeys } from "../../Telemetry.js"
import { iterationLateness } from "../core/runProblem.js"
import type { StepTrace } from "../operations/requests.js"
import * as Attributes from "../telemetry/attributes.js"

/** A trace, or the attempts at one step. */
export interface GivenTrace {
  readonly flowRun?: TimedRecord | undefined
  readonly steps: ReadonlyArray<StepTrace>
}

/** A step of a trace with its place in time. */
export interface PlacedStep {
  readonly step: StepTrace
  /** Nanoseconds since 1970, as are all instants here. */
  readonly start: bigint
  readonly end: bigint
  /** The known duration: 0 of a step that goes on. */
  readonly wall: bigint
  readonly waiting: bigint
  /** The index of the loop that it is in. */
  readonly loop: number | undefined
}

export interface Timeline {
  /** The start; 0 where the trace tells no instant. */
  readonly start: bigint
  readonly end: bigint
  /** Whether the trace tells an instant, so that this is when the run was, and not only how long. */
  readonly isDated: boolean
  readonly wall: bigint
  readonly waiting: bigint
  readonly steps: ReadonlyArray<PlacedStep>
}

const later = (a: bigint, b: bigint): bigint => a > b ? a : b

/**
 * Places the steps of a trace. A step whose start is not told follows the step before it; one that goes on lasts to the
 * last moment that the trace knows.
 */
export const timelineOf = ({ flowRun = {}, steps }: GivenTrace): Timeline => {
  const resolution = resolutionOf([flowRun, ...steps])
  const times = steps.map((step) => timesOf(step, resolution))
  const run = timesOfRun(flowRun, times, resolution)
  const loops = loopsOf(steps, times)
  const known = spanOf(times)
  const told = run.start ?? 0n
  // the clock of a step may be behind the clock of its run
  const start = known !== undefined && known.start < told ? known.start : told
  const end = later(told + run.wall, known?.end ?? start)
  let before = told
  const placed = steps.map((step, index): PlacedStep => {
    const { start = before, waiting, wall } = times[index]!
    const goesOn = step.status === "running" && parseInstant(step.completedAt) === undefined && wall === 0n
    before = goesOn ? later(end, start) : start + wall
    return { step, start, end: before, wall, waiting, loop: loops[index] }
  })
  return {
    start,
    end: placed.reduce((latest, step) => later(latest, step.end), end),
    isDated: run.start !== undefined,
    wall: run.wall,
    waiting: run.waiting,
    steps: placed
  }
}

/** The fields of a run or a step that say when it was. */
interface TimedRecord {
  readonly startedAt?: string | undefined
  readonly completedAt?: string | undefined
  readonly durationMs?: number | undefined
  readonly waitingMs?: number | undefined
}

/** The times of one run, or of one attempt at one step. */
interface Times {
  readonly start: bigint | undefined
  /** Absent while it runs. */
  readonly end: bigint | undefined
  readonly wall: bigint
  /** The part of `wall` in which it waited for tool results. */
  readonly waiting: bigint
}

const timestamp = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i

/** The zone in the form that `Date` reads; none is UTC. */
const zoneOf = (text = "Z"): string => text.length === 3 ? `${text}:00` : text.toUpperCase()

/**
 * The instant of an ISO-8601 text in nanoseconds since 1970; `undefined` for any other text, and for one before 1970,
 * which is the zero of a clock and no time of a run.
 */
export const parseInstant = (text: string | undefined): bigint | undefined => {
  const [, day, minute, second = "00", fraction = "", zone] = timestamp.exec(text ?? "") ?? []
  const ms = Date.parse(`${day}T${minute}:${second}${zoneOf(zone)}`)
  return day !== undefined && ms >= 0
    ? BigInt(ms) * millisecond + BigInt(fraction.slice(0, 9).padEnd(9, "0"))
    : undefined
}

const millisecond = 1_000_000n

/**
 * The nanoseconds that timestamps tell apart. A server may leave out a fraction that is 0, so that the finest one of
 * them counts; and durations are in whole milliseconds.
 */
export const resolutionOf = (records: ReadonlyArray<TimedRecord>): bigint => {
  const digits = records.flatMap(({ completedAt = "", startedAt = "" }) =>
    [startedAt, completedAt].map((text) => timestamp.exec(text)?.[4]?.length ?? 0)
  )
  return 10n ** BigInt(9 - Math.min(6, digits.reduce((finest, one) => Math.max(finest, one), 0)))
}

const nanosOfMs = (ms = -1): bigint | undefined =>
  ms >= 0 && ms <= Number.MAX_SAFE_INTEGER ? BigInt(Math.round(ms * 1_000_000)) : undefined

/** The milliseconds of nanoseconds. */
export const millisOf = (nanos: bigint): number => Number(nanos) / 1_000_000

/**
 * The times of one record. A duration that is said is taken, unless the time from start to end is longer than rounding
 * explains: then the server left waits out of it, and they are the difference.
 */
export const timesOf = (record: TimedRecord, resolution: bigint): Times => {
  const start = parseInstant(record.startedAt)
  const end = parseInstant(record.completedAt)
  const between = start === undefined || end === undefined || end < start ? undefined : end - start
  const said = nanosOfMs(record.durationMs)
  const isLonger = between !== undefined && said !== undefined && between > said + later(resolution, millisecond)
  const wall = isLonger ? between : said ?? between ?? 0n
  const waiting = nanosOfMs(record.waitingMs) ?? (isLonger ? wall - said : 0n)
  return {
    start,
    end: end ?? (start === undefined || said === undefined ? undefined : start + said),
    wall,
    waiting: waiting < wall ? waiting : wall
  }
}

/** The time from the first start to the last known moment. */
const spanOf = (all: ReadonlyArray<Times>): { readonly start: bigint; readonly end: bigint } | undefined => {
  let first: bigint | undefined
  let last: bigint | undefined
  for (const { end, start } of all) {
    if (start !== undefined && (first === undefined || start < first)) first = start
    for (const moment of [start, end]) if (moment !== undefined) last = later(moment, last ?? moment)
  }
  return first === undefined || last === undefined ? undefined : { start: first, end: last }
}

/** The times of a run; one that has no end yet lasts to the last known moment of its steps. */
const timesOfRun = (run: TimedRecord, steps: ReadonlyArray<Times>, resolution: bigint): Times => {
  const own = timesOf(run, resolution)
  const span = spanOf(own.start === undefined ? steps : [own, ...steps])
  const lasted = span === undefined ? steps.reduce((sum, { wall }) => sum + wall, 0n) : span.end - span.start
  const isSaid = own.end !== undefined || run.durationMs !== undefined
  return {
    start: own.start ?? span?.start,
    end: own.end,
    wall: isSaid && (own.start !== undefined || own.wall > lasted) ? own.wall : lasted,
    waiting: steps.reduce((sum, { waiting }) => sum + waiting, 0n)
  }
}

const lateness = BigInt(iterationLateness) * millisecond

const encloses = (outer: Times, group: { readonly start: bigint; readonly end: bigint }): boolean =>
  outer.start !== undefined && outer.start <= group.start &&
  (outer.end === undefined || group.end <= (group.start < outer.end ? outer.end + lateness : outer.end))

type PlacedRecord = TimedRecord & Partial<Pick<StepTrace, "loopIndex" | "modelUsed" | "tokens">>

/**
 * The index of the loop that each record is in, if any. A trace does not say: it is the nearest record, of those that
 * can be loops, whose time encloses the iterations. A loop asks no model itself.
 */
export const loopsOf = (
  records: ReadonlyArray<PlacedRecord>,
  times: ReadonlyArray<Times>
): ReadonlyArray<number | undefined> => {
  const loops: Array<number | undefined> = records.map(() => undefined)
  for (let from = 0; from < records.length;) {
    let until = from
    while (records[until]?.loopIndex !== undefined) until++
    const group = spanOf(times.slice(from, until))
    const loop = [from - 1, until].find((at) => {
      const record = records[at]
      return record !== undefined && group !== undefined && record.modelUsed === undefined &&
        record.tokens === undefined && encloses(times[at]!, group)
    })
    loops.fill(loop, from, until)
    from = until + 1
  }
  return loops
}

/** The attributes of the span of a step, with the keys of `docs/wire.md#spans`. */
export const stepAttributes = (
  { end, start, step, waiting }: PlacedStep,
  payloads: boolean
): Attributes.Attributes => {
  const payload = (value: unknown) => payloads && value !== undefined ? Attributes.payloadJson(value) : undefined
  return {
    [attributeKeys.stepId]: step.stepId,
    [attributeKeys.stepAttempt]: step.attempt,
    [attributeKeys.stepLoopIndex]: step.loopIndex,
    [attributeKeys.stepStatus]: step.status,
    [attributeKeys.stepDuration]: millisOf(end - start),
    [attributeKeys.stepWaiting]: waiting === 0n ? undefined : millisOf(waiting),
    [attributeKeys.stepCost]: step.costUsd,
    ...Attributes.modelAttributes(step, payloads),
    ...Attributes.tokenAttributes(step.tokens),
    [attributeKeys.errorType]: step.status === "failed" ? Attributes.problemType(step.errorContext) : undefined,
    [attributeKeys.stepInput]: payload(step.inputContext),
    [attributeKeys.stepOutput]: payload(step.outputContext),
    [attributeKeys.stepError]: payload(step.errorContext)
  }
}
