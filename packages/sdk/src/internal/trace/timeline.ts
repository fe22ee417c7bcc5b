/** The steps of a stored trace in their places: each with a start, an end, and the loop that it is in. */
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { attributeKeys } from "../../Telemetry.js"
import { problemOf } from "../core/runProblem.js"
import { iterationLateness } from "../core/time.js"

export interface PlacedStep<S> {
  readonly step: S
  /** Nanoseconds since 1970, as are all instants here. */
  readonly start: bigint
  readonly end: bigint
  readonly waiting: bigint
  /** The index of the loop that it is in. */
  readonly loop: number | undefined
}

export interface Timeline<S> {
  /** The start; 0 where the trace tells no instant. */
  readonly start: bigint
  readonly end: bigint
  /** Whether the trace tells an instant, so that this is when the run was, and not only how long. */
  readonly isDated: boolean
  readonly wall: bigint
  readonly waiting: bigint
  readonly steps: ReadonlyArray<PlacedStep<S>>
}

/**
 * Places the steps of a trace. A step whose start is not told follows the step before it; one that goes on lasts to the
 * last moment that the trace knows.
 */
export const timelineOf = <S extends PlacedRecord & { readonly status: string }>(
  { flowRun, steps }: { readonly flowRun: TimedRecord; readonly steps: ReadonlyArray<S> }
): Timeline<S> => {
  const resolution = resolutionOf([flowRun, ...steps])
  const times = steps.map((step) => timesOf(step, resolution))
  const run = timesOfRun(flowRun, times, resolution)
  const loops = loopsOf(steps, times)
  const known = spanOf(times)
  const told = run.start ?? 0n
  // the clock of a step may be behind that of its run
  const start = known !== undefined && known.start < told ? known.start : told
  const last = known?.end ?? start
  const end = told + run.wall > last ? told + run.wall : last
  let before = told
  const placed = steps.map((step, index): PlacedStep<S> => {
    const { start: begun = before, waiting, wall } = times[index]!
    const goesOn = step.status === "running" && parseInstant(step.completedAt) === undefined && wall === 0n
    const ended = goesOn ? end > begun ? end : begun : begun + wall
    before = ended
    return { step, start: begun, end: ended, waiting, loop: loops[index] }
  })
  const latest = placed.reduce((latest, step) => step.end > latest ? step.end : latest, end)
  return {
    start,
    end: latest,
    isDated: run.start !== undefined,
    wall: run.wall,
    waiting: run.waiting,
    steps: placed
  }
}

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

/** The facts of a step that its span tells. */
export interface SpannedStep {
  readonly stepId: string
  readonly attempt: number
  readonly loopIndex?: number | undefined
  readonly status: string
  readonly startedAt?: string | undefined
  readonly completedAt?: string | undefined
  readonly durationMs?: number | undefined
  readonly waitingMs?: number | undefined
  readonly modelUsed?: string | undefined
  readonly tokens?: { readonly prompt: number; readonly completion: number } | undefined
  readonly costUsd?: string | undefined
  readonly inputContext?: unknown
  readonly outputContext?: unknown
  readonly errorContext?: unknown
}

export type AttributeValue = string | number | boolean

const payloadLimit = 4_096
const cutMark = "…[truncated]"

/** The characters of a payload that a span carries; none is cut in two. */
const cut = (text: string): string =>
  text.length <= payloadLimit ? text : text.slice(0, payloadLimit).replace(/[\ud800-\udbff]$/, "") + cutMark

/** A payload as JSON; one that JSON cannot hold, as text. */
export const payloadText = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : Inspectable.toStringUnknown(value, 0)

const payload = (key: string, value: unknown): ReadonlyArray<readonly [string, AttributeValue]> =>
  value === undefined ? [] : [[key, cut(payloadText(value))]]

/** The attributes of a step, in the keys of the contract. */
export const stepAttributes = (
  { end, start, step, waiting }: PlacedStep<SpannedStep>,
  payloads: boolean
): ReadonlyArray<readonly [string, AttributeValue]> => {
  const { attempt, costUsd, loopIndex, modelUsed, status, stepId, tokens } = step
  const given: ReadonlyArray<readonly [string, AttributeValue | undefined]> = [
    [attributeKeys.stepId, stepId],
    [attributeKeys.stepAttempt, attempt],
    [attributeKeys.stepLoopIndex, loopIndex],
    [attributeKeys.stepStatus, status],
    [attributeKeys.stepDuration, millisOf(end - start)],
    [attributeKeys.stepWaiting, waiting === 0n ? undefined : millisOf(waiting)],
    [attributeKeys.stepCost, costUsd],
    [attributeKeys.operationName, modelUsed === undefined ? undefined : "chat"],
    [attributeKeys.model, modelUsed],
    [attributeKeys.inputTokens, tokens?.prompt],
    [attributeKeys.outputTokens, tokens?.completion],
    [attributeKeys.errorType, status === "failed" ? problemOf(step.errorContext).code ?? "_OTHER" : undefined]
  ]
  return [
    ...given.filter((entry): entry is readonly [string, AttributeValue] => entry[1] !== undefined),
    ...(payloads
      ? [
        ...payload(attributeKeys.stepInput, step.inputContext),
        ...payload(attributeKeys.stepOutput, step.outputContext),
        ...payload(attributeKeys.stepError, step.errorContext)
      ]
      : [])
  ]
}

const fnvOffset = 0xcbf29ce484222325n
const fnvPrime = 0x100000001b3n
const mask = 0xffffffffffffffffn

/** FNV-1a with a last mixing, so that texts that differ in their last characters alone are far apart. */
const hash64 = (text: string, seed: bigint): bigint => {
  let hash = (fnvOffset ^ seed) & mask
  for (let i = 0; i < text.length; i++) hash = ((hash ^ BigInt(text.charCodeAt(i))) * fnvPrime) & mask
  hash = ((hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn) & mask
  hash = ((hash ^ (hash >> 33n)) * 0xc4ceb9fe1a85ec53n) & mask
  return hash ^ (hash >> 33n)
}

const hex = (value: bigint): string => (value === 0n ? 1n : value).toString(16).padStart(16, "0")

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The id of a run as that of a trace: 16 bytes. */
export const traceIdOf = (executionId: string): string => {
  const digits = uuid.test(executionId) ? executionId.replaceAll("-", "").toLowerCase() : undefined
  return digits !== undefined && /[^0]/.test(digits)
    ? digits
    : hex(hash64(executionId, 0n)) + hex(hash64(executionId, 1n))
}

/** The id of a span: 8 bytes, of the run and the parts that tell the span from others. */
export const spanIdOf = (executionId: string, ...parts: ReadonlyArray<string | number | undefined>): string =>
  hex(hash64(JSON.stringify([executionId, ...parts.map((part) => part ?? null)]), 2n))

/** The span ids of steps; steps that nothing tells apart are counted. */
export const stepSpanIds = (executionId: string, steps: ReadonlyArray<SpannedStep>): ReadonlyArray<string> => {
  const seen = new Map<string, number>()
  return steps.map(({ attempt, loopIndex, stepId }) => {
    const place = JSON.stringify([stepId, attempt, loopIndex ?? null])
    const nth = seen.get(place) ?? 0
    seen.set(place, nth + 1)
    return spanIdOf(executionId, stepId, attempt, loopIndex, nth)
  })
}

export interface GivenStep extends SpannedStep {
  readonly tokens: { readonly prompt: number; readonly completion: number; readonly total: number } | undefined
}

export interface GivenTrace {
  readonly flowRun: {
    readonly id: string
    readonly status: string
    readonly flowId: string | undefined
    readonly startedAt: string | undefined
    readonly completedAt: string | undefined
    readonly durationMs: number | undefined
  }
  readonly steps: ReadonlyArray<GivenStep>
}

type Fields = { readonly [key: string]: unknown }

export const fieldsOf = (u: unknown): Fields => Predicate.isRecord(u) ? u : {}

export const textOf = (u: unknown): string | undefined => typeof u === "string" ? u : undefined

export const numberOf = (u: unknown): number | undefined => typeof u === "number" && Number.isFinite(u) ? u : undefined

/** The records among any values. */
export const recordsIn = (u: unknown): ReadonlyArray<Fields> =>
  Predicate.isIterable(u) ? Array.from(u).filter(Predicate.isRecord) : []

export const tokensOf = (u: unknown): NonNullable<GivenStep["tokens"]> => {
  const { completion, prompt, total } = fieldsOf(u)
  return { prompt: numberOf(prompt) ?? 0, completion: numberOf(completion) ?? 0, total: numberOf(total) ?? 0 }
}

const stepOf = (fields: Fields): GivenStep => ({
  stepId: textOf(fields.stepId) ?? "unknown",
  attempt: numberOf(fields.attempt) ?? 1,
  loopIndex: numberOf(fields.loopIndex),
  status: textOf(fields.status) ?? "unknown",
  startedAt: textOf(fields.startedAt),
  completedAt: textOf(fields.completedAt),
  durationMs: numberOf(fields.durationMs),
  waitingMs: numberOf(fields.waitingMs),
  modelUsed: textOf(fields.modelUsed),
  tokens: Predicate.isRecord(fields.tokens) ? tokensOf(fields.tokens) : undefined,
  costUsd: textOf(fields.costUsd),
  inputContext: fields.inputContext ?? undefined,
  outputContext: fields.outputContext ?? undefined,
  errorContext: fields.errorContext ?? undefined
})

/** The trace, or the attempts at one step. */
export const givenTrace = (u: unknown): GivenTrace => {
  const trace = fieldsOf(u)
  const run = fieldsOf(trace.flowRun)
  return {
    flowRun: {
      id: textOf(run.id) ?? "unknown",
      status: textOf(run.status) ?? "unknown",
      flowId: textOf(run.flowId),
      startedAt: textOf(run.startedAt),
      completedAt: textOf(run.completedAt),
      durationMs: numberOf(run.durationMs)
    },
    steps: recordsIn(trace.steps ?? trace.attempts).map(stepOf)
  }
}
