/** The rows of the waterfall of a run, whatever it is drawn with. */
import { formatCost, sumCosts } from "../cost/decimal.js"
import { problemOf } from "../errors/runProblem.js"
import type { GivenStep, GivenTrace } from "./givenTrace.js"
import { payloadText } from "./spanParts.js"
import { millisOf } from "./stepTimes.js"
import type { PlacedStep, Timeline } from "./timeline.js"
import { formatMillis } from "./timeText.js"

export type Placed = PlacedStep<GivenStep>

/** One row: a bar, or all bars of one step. */
export interface TraceRow {
  readonly label: string
  readonly depth: 0 | 1
  readonly bars: ReadonlyArray<Placed>
}

export const labelOf = ({ step: { attempt, loopIndex, stepId } }: Placed): string =>
  `${stepId}${loopIndex === undefined ? "" : ` [${loopIndex}]`}${attempt === 1 ? "" : ` attempt ${attempt}`}`

/** The steps, each loop followed by its iterations. */
export const inOrder = (steps: ReadonlyArray<Placed>): ReadonlyArray<Placed> => {
  const within = new Map<number, Array<Placed>>()
  for (const step of steps) {
    if (step.loop === undefined) continue
    const iterations = within.get(step.loop)
    if (iterations === undefined) within.set(step.loop, [step])
    else iterations.push(step)
  }
  return steps.flatMap((step, index) => step.loop === undefined ? [step, ...(within.get(index) ?? [])] : [])
}

const isFailed = ({ step }: Placed): boolean => step.status === "failed"

const inOneLine = (text: string): string => text.replace(/\s+/g, " ").trim()

const reasonOf = ({ errorContext }: GivenStep): string => {
  const { code, detail } = problemOf(errorContext)
  const words = [code, detail].filter((part) => part !== undefined).join(": ")
  return words === "" ? payloadText(errorContext) : words
}

/** The error and the input of the last failure, a line each, as far as they were captured. */
export const failureOf = (bars: ReadonlyArray<Placed>): ReadonlyArray<string> => {
  const failed = bars.findLast(({ step }) => step.errorContext !== undefined) ?? bars.findLast(isFailed)
  if (failed === undefined) return []
  const { errorContext, inputContext } = failed.step
  return [
    ...(errorContext === undefined ? [] : [reasonOf(failed.step)]),
    ...(inputContext === undefined ? [] : [`input: ${payloadText(inputContext)}`])
  ].map(inOneLine)
}

/** The number of bars that failed. */
export const failuresIn = (bars: ReadonlyArray<Placed>): number => bars.filter(isFailed).length

/** The steps that are loops around others. */
export const loopsIn = ({ steps }: Timeline<GivenStep>): ReadonlySet<Placed | undefined> =>
  new Set(steps.map(({ loop }) => loop === undefined ? undefined : steps[loop]))

const depthOf = ({ loop }: Placed): 0 | 1 => loop === undefined ? 0 : 1

/** A row for each bar, or where they are more than `most`, one for each step with all its bars. */
export const rowsOf = (steps: ReadonlyArray<Placed>, most: number): ReadonlyArray<TraceRow> => {
  const ordered = inOrder(steps)
  if (ordered.length <= most) {
    return ordered.map((step) => ({ label: labelOf(step), depth: depthOf(step), bars: [step] }))
  }
  const lanes = new Map<string, Array<Placed>>()
  for (const placed of ordered) {
    const lane = JSON.stringify([placed.loop ?? null, placed.step.stepId])
    const bars = lanes.get(lane)
    if (bars === undefined) lanes.set(lane, [placed])
    else bars.push(placed)
  }
  return [...lanes.values()].map((bars) => {
    const [first] = bars as [Placed]
    return {
      label: bars.length === 1 ? labelOf(first) : `${first.step.stepId} ×${bars.length}`,
      depth: depthOf(first),
      // what failed lies on top
      bars: [...bars.filter((bar) => !isFailed(bar)), ...bars.filter(isFailed)]
    }
  })
}

/** The time of all bars together. */
export const lasting = (bars: ReadonlyArray<Placed>): bigint =>
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
