/** The rows of the waterfall of a run, whatever it is drawn with. */
import { formatCost, sumCosts } from "../core/cost.js"
import { problemOf } from "../core/runProblem.js"
import { type GivenStep, type GivenTrace, millisOf, payloadText, type PlacedStep, type Timeline } from "./timeline.js"

export type TraceStep = PlacedStep<GivenStep>

/** One row: a bar, or all bars of one step. */
export interface TraceRow {
  readonly label: string
  readonly depth: 0 | 1
  readonly bars: ReadonlyArray<TraceStep>
}

export const labelOf = ({ step: { attempt, loopIndex, stepId } }: TraceStep): string =>
  `${stepId}${loopIndex === undefined ? "" : ` [${loopIndex}]`}${attempt === 1 ? "" : ` attempt ${attempt}`}`

/** The steps, each loop followed by its iterations. */
export const inOrder = (steps: ReadonlyArray<TraceStep>): ReadonlyArray<TraceStep> => {
  const within = new Map<number, Array<TraceStep>>()
  for (const step of steps) {
    if (step.loop === undefined) continue
    const iterations = within.get(step.loop)
    if (iterations === undefined) within.set(step.loop, [step])
    else iterations.push(step)
  }
  return steps.flatMap((step, index) => step.loop === undefined ? [step, ...(within.get(index) ?? [])] : [])
}

const isFailed = ({ step }: TraceStep): boolean => step.status === "failed"

const inOneLine = (text: string): string => text.replace(/\s+/g, " ").trim()

const reasonOf = ({ errorContext }: GivenStep): string => {
  const { code, detail } = problemOf(errorContext)
  const words = [code, detail].filter((part) => part !== undefined).join(": ")
  return words === "" ? payloadText(errorContext) : words
}

/** The error and the input of the last failure, a line each, as far as they were captured. */
export const failureOf = (bars: ReadonlyArray<TraceStep>): ReadonlyArray<string> => {
  const failed = bars.findLast(({ step }) => step.errorContext !== undefined) ?? bars.findLast(isFailed)
  if (failed === undefined) return []
  const { errorContext, inputContext } = failed.step
  return [
    ...(errorContext === undefined ? [] : [reasonOf(failed.step)]),
    ...(inputContext === undefined ? [] : [`input: ${payloadText(inputContext)}`])
  ].map(inOneLine)
}

/** The number of bars that failed. */
export const failuresIn = (bars: ReadonlyArray<TraceStep>): number => bars.filter(isFailed).length

/** The steps that are loops around others. */
export const loopsIn = ({ steps }: Timeline<GivenStep>): ReadonlySet<TraceStep | undefined> =>
  new Set(steps.map(({ loop }) => loop === undefined ? undefined : steps[loop]))

const depthOf = ({ loop }: TraceStep): 0 | 1 => loop === undefined ? 0 : 1

/** A row for each bar, or where they are more than `most`, one for each step with all its bars. */
export const rowsOf = (steps: ReadonlyArray<TraceStep>, most: number): ReadonlyArray<TraceRow> => {
  const ordered = inOrder(steps)
  if (ordered.length <= most) {
    return ordered.map((step) => ({ label: labelOf(step), depth: depthOf(step), bars: [step] }))
  }
  const lanes = new Map<string, Array<TraceStep>>()
  for (const placed of ordered) {
    const lane = JSON.stringify([placed.loop ?? null, placed.step.stepId])
    const bars = lanes.get(lane)
    if (bars === undefined) lanes.set(lane, [placed])
    else bars.push(placed)
  }
  return [...lanes.values()].map((bars) => {
    const [first] = bars as [TraceStep]
    return {
      label: bars.length === 1 ? labelOf(first) : `${first.step.stepId} ×${bars.length}`,
      depth: depthOf(first),
      // what failed lies on top
      bars: [...bars.filter((bar) => !isFailed(bar)), ...bars.filter(isFailed)]
    }
  })
}

/** The time of all bars together. */
export const lasting = (bars: ReadonlyArray<TraceStep>): bigint =>
  bars.reduce((sum, { end, start }) => sum + end - start, 0n)

/** The cost of all steps together; absent where none says one. */
export const dollars = (steps: ReadonlyArray<GivenStep>): string | undefined =>
  steps.some(({ costUsd }) => costUsd !== undefined) ? `$${formatCost(sumCosts(steps))}` : undefined

/** Facts in one line. */
export const joined = (...parts: ReadonlyArray<string | undefined>): string =>
  parts.filter((part) => part !== undefined).join(" · ")

const kinds: ReadonlySet<string> = new Set(["completed", "failed", "running", "skipped"])

export const kindOf = (status: string): string => kinds.has(status) ? status : "other"

/** The run in one line. */
export const factsOf = (trace: GivenTrace, timeline: Timeline<GivenStep>): string => {
  const tokens = trace.steps.reduce((sum, step) => sum + (step.tokens?.total ?? 0), 0)
  return joined(
    trace.flowRun.status,
    formatMillis(millisOf(timeline.wall)),
    timeline.waiting === 0n ? undefined : `${formatMillis(millisOf(timeline.waiting))} waiting for tools`,
    `${trace.steps.length} ${trace.steps.length === 1 ? "step" : "steps"}`,
    tokens === 0 ? undefined : `${tokens} tokens`,
    dollars(trace.steps)
  )
}

/** Times for people. */

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

/** The milliseconds between two marks of an axis that has at most so many. */
export const tickStep = (totalMs: number, most: number): number =>
  steps.find((step) => totalMs / step <= most) ?? 24 * hour * Math.ceil(totalMs / most / (24 * hour))

/** Text in columns of a monospaced font, safe whatever it was made of. */

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
