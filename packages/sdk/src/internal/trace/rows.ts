/** The rows of the waterfall of a run, and the words of it. */
import * as Arr from "effect/Array"
import { formatCost, sumCosts } from "../core/cost.js"
import { problemOf } from "../core/runProblem.js"
import type { StepTrace, Trace } from "../operations/requests.js"
import { millisOf, payloadText, type PlacedStep, timelineOf } from "./timeline.js"

/** One row: a bar, or all bars of one step. */
export interface Row {
  readonly label: string
  readonly depth: 0 | 1
  readonly bars: ReadonlyArray<PlacedStep>
  /** The number of bars that failed. */
  readonly failed: number
  /** The time and the cost of all bars together. */
  readonly time: string
  readonly cost: string | undefined
  /** The error and the input of the last failure, a line each, as far as they were captured. */
  readonly failure: ReadonlyArray<string>
}

/** A run to draw. */
export interface Drawing {
  /** The steps, each loop followed by its iterations. */
  readonly steps: ReadonlyArray<PlacedStep>
  readonly rows: ReadonlyArray<Row>
  /** The steps that are loops around others. */
  readonly loops: ReadonlySet<PlacedStep | undefined>
  readonly start: bigint
  readonly total: bigint
  readonly isWaiting: boolean
  /** The run in one line. */
  readonly facts: string
}

/** A run whose bars share the row of their step where they are more than `most`. */
export const drawingOf = (trace: Trace, most: number): Drawing => {
  const { end, start, steps, waiting, wall } = timelineOf(trace)
  const ordered = inOrder(steps)
  const lanes = ordered.length <= most
    ? ordered.map(Arr.of)
    : Object.values(Arr.groupBy(ordered, ({ loop, step }) => JSON.stringify([loop ?? null, step.stepId])))
  const tokens = tokensIn(steps)
  return {
    steps: ordered,
    rows: lanes.map(rowOf),
    loops: new Set(steps.map(({ loop }) => loop === undefined ? undefined : steps[loop])),
    start,
    total: end - start,
    isWaiting: waiting > 0n,
    facts: joined(
      trace.flowRun.status,
      timeText(wall),
      waiting === 0n ? undefined : `${timeText(waiting)} waiting for tools`,
      `${steps.length} ${steps.length === 1 ? "step" : "steps"}`,
      tokens === 0 ? undefined : `${tokens} tokens`,
      costText(trace.steps)
    )
  }
}

const inOrder = (steps: ReadonlyArray<PlacedStep>): ReadonlyArray<PlacedStep> => {
  const iterations = Arr.groupBy(steps, ({ loop }) => String(loop))
  return steps.flatMap((step, index) => step.loop === undefined ? [step, ...(iterations[index] ?? [])] : [])
}

const rowOf = (given: Arr.NonEmptyReadonlyArray<PlacedStep>): Row => {
  const [first] = given
  const [others, failed] = Arr.partition(given, isFailed)
  // the failed ones lie on top
  const bars = [...others, ...failed]
  return {
    label: bars.length === 1 ? labelOf(first) : `${first.step.stepId} ×${bars.length}`,
    depth: first.loop === undefined ? 0 : 1,
    bars,
    failed: failed.length,
    time: timeText(bars.reduce((sum, { end, start }) => sum + end - start, 0n)),
    cost: costText(bars.map(({ step }) => step)),
    failure: failureOf(bars)
  }
}

const isFailed = ({ step }: PlacedStep): boolean => step.status === "failed"

export const labelOf = ({ step: { attempt, loopIndex, stepId } }: PlacedStep): string =>
  `${stepId}${loopIndex === undefined ? "" : ` [${loopIndex}]`}${attempt === 1 ? "" : ` attempt ${attempt}`}`

const reasonOf = (errorContext: unknown): string => {
  const { code, detail } = problemOf(errorContext)
  const words = [code, detail].filter((part) => part !== undefined).join(": ")
  return words === "" ? payloadText(errorContext) : words
}

/** The error and the input of the last failure, a line each, as far as they were captured. */
export const failureOf = (bars: ReadonlyArray<PlacedStep>): ReadonlyArray<string> => {
  const failed = bars.findLast(({ step }) => step.errorContext !== undefined) ?? bars.findLast(isFailed)
  if (failed === undefined) return []
  const { errorContext, inputContext } = failed.step
  return [
    errorContext === undefined ? undefined : reasonOf(errorContext),
    inputContext === undefined ? undefined : `input: ${payloadText(inputContext)}`
  ].flatMap((line) => line === undefined ? [] : [line.replace(/\s+/g, " ").trim()])
}

export const tokensIn = (bars: ReadonlyArray<PlacedStep>): number =>
  bars.reduce((sum, { step }) => sum + (step.tokens?.total ?? 0), 0)

/** The cost of all steps together; absent where none says one. */
export const costText = (steps: ReadonlyArray<StepTrace>): string | undefined =>
  steps.some(({ costUsd }) => costUsd !== undefined) ? `$${formatCost(sumCosts(steps))}` : undefined

/** Facts in one line. */
export const joined = (...parts: ReadonlyArray<string | undefined>): string =>
  parts.filter((part) => part !== undefined).join(" · ")

const kinds = ["completed", "failed", "running", "skipped"] as const

export const kindOf = ({ step: { status } }: PlacedStep): typeof kinds[number] | "other" =>
  kinds.find((kind) => kind === status) ?? "other"

export const timeText = (nanos: bigint): string => formatMillis(millisOf(nanos))

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const two = (count: number, unit: string, part: string): string =>
  `${Math.floor(count / 60)} ${unit}` + (count % 60 === 0 ? "" : ` ${String(count % 60).padStart(2, "0")} ${part}`)

/** A time in the two units that matter: `412 ms`, `1.15 s`, `2 m 05 s`, `1 h 02 m`. */
export const formatMillis = (ms: number): string => {
  if (ms < second) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < minute) return `${String(Math.round(ms / 10) / 100)} s`
  const seconds = Math.round(ms / second)
  if (ms < hour) return two(seconds, "m", "s")
  return two(Math.round(ms / minute), "h", "m")
}

const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * second),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 6, 12, 24].map((hours) => hours * hour)
]

/** The times of the marks of an axis, in milliseconds: 0, and at most `most` others. */
export const ticksOf = (totalMs: number, most: number): ReadonlyArray<number> => {
  const step = steps.find((step) => totalMs / step <= most) ?? 24 * hour * Math.ceil(totalMs / most / (24 * hour))
  return Arr.makeBy(Math.floor(totalMs / step) + 1, (nth) => nth * step)
}

/** Characters that neither XML nor a terminal is to be given, and those that turn the direction of what follows. */
const forbidden =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** A key of Noukai, wherever it stands. */
const key = /nk_[A-Za-z0-9_-]{4,}/g

/** A text without keys and without characters that break a picture. */
export const safeText = (text: string): string => text.replace(key, "nk_…").replace(forbidden, "\ufffd")

const isWide = (code: number): boolean =>
  code >= 0x1100 &&
  (code <= 0x115f || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
    code >= 0x1f300)

/** The columns of a text in a monospaced font. */
export const widthOf = (text: string): number => {
  let width = 0
  for (const character of text) width += isWide(character.codePointAt(0)!) ? 2 : 1
  return width
}

/** The columns of the widest of many texts. */
export const widest = (texts: Iterable<string>, atLeast: number): number => {
  let most = atLeast
  for (const text of texts) most = Math.max(most, widthOf(text))
  return most
}

/** The beginning of a text that fits a number of columns. */
export const cutText = (text: string, columns: number): string => {
  // no character has more than 2 code units
  if (text.length <= columns * 2 && widthOf(text) <= columns) return text
  let out = ""
  let width = 0
  for (const character of text) {
    width += isWide(character.codePointAt(0)!) ? 2 : 1
    if (width > Math.max(1, columns - 1)) break
    out += character
  }
  return `${out}…`
}
