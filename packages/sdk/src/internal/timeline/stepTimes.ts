/**
 * The times of a stored trace, computed from what it says: timestamps, durations and waits. In nanoseconds, so that
 * nothing is rounded.
 *
 * @see contract 9.1
 */
import { iterationLateness } from "../time/clock.js"

/** The fields of a run or a step that say when it was. */
export interface TimedRecord {
  readonly startedAt?: string | undefined
  readonly completedAt?: string | undefined
  readonly durationMs?: number | undefined
  readonly waitingMs?: number | undefined
}

/** The fields of a step that say where it is. */
export interface PlacedRecord extends TimedRecord {
  readonly loopIndex?: number | undefined
  readonly modelUsed?: string | undefined
  readonly tokens?: unknown
}

/** The times of one run, or of one attempt at one step. */
export interface Times {
  readonly start: bigint | undefined
  /** Absent while it runs. */
  readonly end: bigint | undefined
  readonly wall: bigint
  /** The part of `wall` in which it waited for tool results. */
  readonly waiting: bigint
}

const timestamp = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i

/** The zone in the form that `Date` reads; none is UTC. */
const zoneOf = (text: string | undefined): string =>
  text === undefined || text === "z" ? "Z" : text.length === 3 ? `${text}:00` : text

const nanosOf = (fraction: string): bigint => BigInt(fraction.slice(0, 9).padEnd(9, "0"))

/**
 * The instant of an ISO-8601 text in nanoseconds since 1970; `undefined` for any other text, and for one before 1970,
 * which is the zero of a clock and no time of a run.
 */
export const parseInstant = (text: string | undefined): bigint | undefined => {
  if (text === undefined) return undefined
  const [, day, minute, second = "00", fraction = "", zone] = timestamp.exec(text) ?? []
  const ms = Date.parse(`${day}T${minute}:${second}${zoneOf(zone)}`)
  return day === undefined || !(ms >= 0) ? undefined : BigInt(ms) * 1_000_000n + nanosOf(fraction)
}

const digitsOf = (text: string | undefined): number => text === undefined ? 0 : timestamp.exec(text)?.[4]?.length ?? 0

const millisecond = 1_000_000n

/**
 * The nanoseconds that timestamps tell apart. A server may leave out a fraction that is 0, so that the finest one of
 * them counts; and durations are in whole milliseconds.
 */
export const resolutionOf = (records: ReadonlyArray<TimedRecord>): bigint => {
  let digits = 0
  for (const { completedAt, startedAt } of records) {
    digits = Math.max(digits, digitsOf(startedAt), digitsOf(completedAt))
  }
  return 10n ** BigInt(9 - Math.min(digits, 6))
}

const nanosOfMs = (ms: number | undefined): bigint | undefined =>
  ms === undefined || !(ms >= 0) || ms > Number.MAX_SAFE_INTEGER ? undefined : BigInt(Math.round(ms * 1_000_000))

/**
 * The times of one record. A duration that is said is taken, unless the time from start to end is longer than rounding
 * explains: then the server left waits out of it, and they are the difference.
 */
export const timesOf = (record: TimedRecord, resolution: bigint): Times => {
  const start = parseInstant(record.startedAt)
  const end = parseInstant(record.completedAt)
  const between = start === undefined || end === undefined || end < start ? undefined : end - start
  const said = nanosOfMs(record.durationMs)
  const saidWait = nanosOfMs(record.waitingMs)
  const tolerance = resolution > millisecond ? resolution : millisecond
  const isLonger = between !== undefined && said !== undefined && between > said + tolerance
  const wall = isLonger ? between : said ?? between ?? 0n
  const waiting = saidWait ?? (isLonger ? wall - said! : 0n)
  return {
    start,
    end: end ?? (start === undefined || said === undefined ? undefined : start + said),
    wall,
    waiting: waiting < wall ? waiting : wall
  }
}

/** The milliseconds of nanoseconds. */
export const millisOf = (nanos: bigint): number => Number(nanos) / 1_000_000

/** The time from the first start to the last known moment. */
export const spanOf = (all: ReadonlyArray<Times>): { readonly start: bigint; readonly end: bigint } | undefined => {
  let first: bigint | undefined
  let last: bigint | undefined
  for (const { end, start } of all) {
    if (start !== undefined && (first === undefined || start < first)) first = start
    for (const moment of [start, end]) if (moment !== undefined && (last === undefined || moment > last)) last = moment
  }
  return first === undefined || last === undefined ? undefined : { start: first, end: last }
}

/** The times of a run; one that has no end yet lasts to the last known moment of its steps. */
export const timesOfRun = (run: TimedRecord | undefined, steps: ReadonlyArray<Times>, resolution: bigint): Times => {
  const own = timesOf(run ?? {}, resolution)
  const span = spanOf(own.start === undefined ? steps : [own, ...steps])
  const lasted = span === undefined ? steps.reduce((sum, { wall }) => sum + wall, 0n) : span.end - span.start
  const isSaid = own.end !== undefined || run?.durationMs !== undefined
  return {
    start: own.start ?? span?.start,
    end: own.end,
    wall: isSaid && (own.start !== undefined || own.wall > lasted) ? own.wall : lasted,
    waiting: steps.reduce((sum, { waiting }) => sum + waiting, 0n)
  }
}

const lateness = BigInt(iterationLateness) * 1_000_000n

const encloses = (outer: Times, group: { readonly start: bigint; readonly end: bigint }): boolean =>
  outer.start !== undefined && outer.start <= group.start &&
  (outer.end === undefined || group.end <= (group.start < outer.end ? outer.end + lateness : outer.end))

/** Whether a record can be that of a loop: one that asked no model itself. */
const mayBeLoop = ({ loopIndex, modelUsed, tokens }: PlacedRecord): boolean =>
  loopIndex === undefined && modelUsed === undefined && tokens === undefined

/**
 * The index of the loop that each record is in, if any. A trace does not say: it is the nearest record, of those that
 * can be loops, whose time encloses the iterations.
 */
export const loopsOf = (
  records: ReadonlyArray<PlacedRecord>,
  times: ReadonlyArray<Times>
): ReadonlyArray<number | undefined> => {
  const loops: Array<number | undefined> = records.map(() => undefined)
  const outside = (from: number, by: 1 | -1): number => {
    let at = from
    while (at >= 0 && at < records.length && records[at]!.loopIndex !== undefined) at += by
    return at
  }
  for (let from = 0; from < records.length;) {
    if (records[from]!.loopIndex === undefined) {
      from++
      continue
    }
    const until = outside(from, 1)
    const group = spanOf(times.slice(from, until))
    const loop = [from - 1, until].find((at) => {
      const record = records[at]
      return record !== undefined && group !== undefined && mayBeLoop(record) && encloses(times[at]!, group)
    })
    for (let at = from; at < until; at++) loops[at] = loop
    from = until
  }
  return loops
}
