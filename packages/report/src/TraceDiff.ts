/**
 * The differences of two runs: their steps side by side, the place where the runs part, and their times and costs.
 *
 * @since 0.1.0
 */
import * as Kit from "@effect-noukai/sdk/kit/names"
import {
  changeText,
  costText,
  type Decimal,
  differences,
  type Divergence,
  formatCost,
  known,
  markWords,
  maskChange,
  noCost,
  parseCost,
  subtractCost,
  unknownCostsIn
} from "@effect-noukai/sdk/kit/runs/report"
import { costOf, type StepTrace, type Trace } from "@effect-noukai/sdk/Trace"
import { Change } from "@effect-noukai/sdk/ValueDiff"
import * as Arr from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { longestInOrder } from "./internal/longestInOrder.js"
import { safeText } from "./internal/words.js"

const absentable = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const stepSideSchema = Schema.Struct({
  /** The place of the step in its run, from 1. */
  place: Schema.Number,
  status: Schema.String,
  modelUsed: absentable(Schema.String),
  /** Milliseconds, as the server counts them. */
  durationMs: absentable(Schema.Number),
  /** US dollars, as decimal text. */
  costUsd: absentable(Schema.String),
  /** Whether the step used tokens and has no cost that can be read. Absent otherwise. */
  isCostUnknown: absentable(Schema.Literal(true))
})

/**
 * A step in one of the two runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepSide extends Schema.Schema.Type<typeof stepSideSchema> {}

/**
 * A step in one of the two runs.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StepSide: Schema.Schema<StepSide> = stepSideSchema

const changes = absentable(Schema.Array(Change))

const stepDiffSchema = Schema.Struct({
  /**
   * - `same`: the status, the model and the compared payloads are equal.
   * - `changed`: one of them differs.
   * - `missing`: only the first run has the step.
   * - `new`: only the second run has the step.
   */
  kind: Schema.Literal("same", "changed", "missing", "new"),
  stepId: Schema.String,
  /** The iteration of the loop, from 0. */
  loopIndex: absentable(Schema.Number),
  attempt: Schema.Number,
  /** Whether both runs have the step, in another order among the steps that they share. */
  isMoved: Schema.Boolean,
  before: absentable(StepSide),
  after: absentable(StepSide),
  /** The differences of the inputs, outputs and errors. Absent where payloads were not compared. */
  input: changes,
  output: changes,
  error: changes,
  /** Whether there are more differences than the limit. */
  hasMore: Schema.Boolean,
  /** Whether the server cut a stored payload, so that equal payloads may differ after the cut. */
  isCut: Schema.Boolean,
  /** Milliseconds of the second run less those of the first, exact. Absent where one is not known. */
  durationMs: absentable(Schema.Number),
  /** US dollars of the second run less those of the first, exact, as decimal text. Absent where one is unknown, or none is told. */
  costUsd: absentable(Schema.String)
})

/**
 * A step of one run or of both. Steps are paired by id, iteration and attempt.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepDiff extends Schema.Schema.Type<typeof stepDiffSchema> {}

/**
 * A step of one run or of both. Steps are paired by id, iteration and attempt.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StepDiff: Schema.Schema<StepDiff> = stepDiffSchema

const runSideSchema = Schema.Struct({
  executionId: Schema.String,
  status: Schema.String,
  /** The number of steps, each attempt and iteration counted. */
  stepCount: Schema.Number,
  /** From start to end, in milliseconds. */
  wallMs: Schema.Number,
  /** The known costs in US dollars, as decimal text. Absent if no step has a cost, as in a session. */
  costUsd: absentable(Schema.String),
  /** Whether the whole cost is known: `unknownCosts` is 0. */
  isCostKnown: Schema.Boolean,
  /** The number of unknown costs, by the rule of `Trace.Amounts`. */
  unknownCosts: Schema.Number,
  /** Whether a step has a stored payload. */
  hasPayloads: Schema.Boolean
})

/**
 * One of the two runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunSide extends Schema.Schema.Type<typeof runSideSchema> {}

/**
 * One of the two runs.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RunSide: Schema.Schema<RunSide> = runSideSchema

const count = Schema.Number

const traceDiffSchema = Schema.Struct({
  before: RunSide,
  after: RunSide,
  /** The steps in the order of the second run. A missing step is at its place in the first run. */
  steps: Schema.Array(StepDiff),
  /** The numbers of steps. Those that moved are also among `same` or `changed`. */
  counts: Schema.Struct({ same: count, changed: count, missing: count, new: count, moved: count }),
  /** The place in `steps` of the first step whose input differs: there the runs part. */
  partsAt: absentable(Schema.Number),
  /** Whether payloads were compared. False if one of the runs has no stored payload. */
  arePayloadsCompared: Schema.Boolean,
  /** Milliseconds of the second run less those of the first, exact. */
  wallMs: Schema.Number,
  /** US dollars of the second run less those of the first, exact, as decimal text. Absent where a cost of either is unknown. */
  costUsd: absentable(Schema.String),
  /**
   * - `same`: the runs have the same status and the same steps in one order. Times and costs may differ.
   * - `different`: they have not.
   * - `unknown`: no difference was found, but payloads were not stored, or were cut.
   */
  verdict: Schema.Literal("same", "different", "unknown")
})

/**
 * The differences of two runs. `before` is the first run, `after` the second.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceDiff extends Schema.Schema.Type<typeof traceDiffSchema> {}

/**
 * The differences of two runs. `before` is the first run, `after` the second.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TraceDiff: Schema.Schema<TraceDiff> = traceDiffSchema

/**
 * The options of {@link make}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The number of differences that are listed of each payload. Default: 100. */
  readonly limit?: number | undefined
}

/** A step with the key that pairs it. Steps with equal keys are numbered. */
interface Keyed {
  readonly key: string
  readonly step: StepTrace
  readonly place: number
  readonly isCostUnknown: boolean
}

const keyed = (trace: Trace): ReadonlyArray<Keyed> => {
  const unknown = unknownCostsIn<StepTrace>(trace)
  const seen = new Map<string, number>()
  return trace.steps.map((step, index) => {
    const name = JSON.stringify([step.stepId, step.loopIndex ?? null, step.attempt])
    const nth = seen.get(name) ?? 0
    seen.set(name, nth + 1)
    return { key: `${name} ${nth}`, step, place: index + 1, isCostUnknown: unknown.has(step) }
  })
}

type Pair = readonly [before: Keyed | undefined, after: Keyed | undefined, isMoved: boolean]

/** The steps of both runs in the order of the second one. */
const aligned = (first: ReadonlyArray<Keyed>, second: ReadonlyArray<Keyed>): ReadonlyArray<Pair> => {
  const before = new Map(first.map((one) => [one.key, one]))
  const after = new Set(second.map(({ key }) => key))
  const inOrder = longestInOrder(second.flatMap(({ key }) => before.get(key)?.place ?? []))
  const pairs: Array<Pair> = []
  let next = 0
  const missing = (until: number) => {
    for (; next < until; next++) {
      const one = first[next]!
      if (!after.has(one.key)) pairs.push([one, undefined, false])
    }
  }
  for (const one of second) {
    const other = before.get(one.key)
    const isMoved = other !== undefined && !inOrder.has(other.place)
    if (other !== undefined && !isMoved) missing(other.place)
    pairs.push([other, one, isMoved])
  }
  missing(first.length)
  return pairs
}

const finite = (value: number | undefined): number | undefined => Number.isFinite(value) ? value : undefined

const sideOf = ({ isCostUnknown, place, step: { costUsd, durationMs, modelUsed, status } }: Keyed): StepSide => ({
  place,
  status,
  ...known({ modelUsed, durationMs: finite(durationMs), costUsd }),
  ...(isCostUnknown && { isCostUnknown })
})

const decimal = (value: number): Decimal => Option.getOrElse(BigDecimal.fromString(String(value)), () => noCost)

const less = (after: number, before: number): number =>
  Number(formatCost(subtractCost(decimal(after), decimal(before))))

const costLess = (after: string | undefined, before: string | undefined): string =>
  formatCost(subtractCost(parseCost(after ?? "0") ?? noCost, parseCost(before ?? "0") ?? noCost))

/** The time of the second run minus the time of the first. A step of only one run took no time in the other. */
const timeLess = ([before, after]: Pair): number | undefined => {
  const [was, is] = [before, after].map((one) => one === undefined ? 0 : finite(one.step.durationMs))
  return was === undefined || is === undefined ? undefined : less(is, was)
}

const payloadKeys = ["input", "output", "error"] as const

/** The number of steps whose long texts are compared by words. */
const maxMarked = 100

interface Compared extends Pick<StepDiff, "input" | "output" | "error" | "hasMore"> {}

const differ = (before: StepTrace, after: StepTrace, limit: number, isMarked: boolean): Compared => {
  const [input = [], output = [], error = []] = payloadKeys.map((key) =>
    differences(before[`${key}Context`], after[`${key}Context`], limit + 1)
  )
  const shown = (all: ReadonlyArray<Divergence>): ReadonlyArray<Change> => {
    const changes = all.slice(0, limit).map((one) => known(maskChange(one)))
    return isMarked ? markWords(changes) : changes
  }
  const hasMore = [input, output, error].some((all) => all.length > limit)
  return { input: shown(input), output: shown(output), error: shown(error), hasMore }
}

const isEqual = ({ error = [], input = [], output = [] }: Compared): boolean =>
  input.length + output.length + error.length === 0

const runSideOf = (trace: Trace): RunSide => {
  const { flowRun: { id, status }, steps } = trace
  const { costUsd, isKnown, unknownCosts, wallMs } = costOf(trace, id)
  return {
    executionId: id,
    status,
    stepCount: steps.length,
    wallMs,
    ...(steps.some((step) => step.costUsd !== undefined) && { costUsd }),
    isCostKnown: isKnown,
    unknownCosts,
    hasPayloads: steps.some((step) =>
      step.inputContext !== undefined || step.outputContext !== undefined || step.errorContext !== undefined
    )
  }
}

/**
 * Compares two runs. Steps are paired by id, iteration of the loop and attempt. Pure: nothing is read or sent. Secrets of
 * well-known forms are masked in the differences of payloads.
 *
 * Times and costs always differ, so that they make no difference of two runs. A step without tokens and cost cost nothing, as in
 * `Trace.totals`: the differences of the steps add up to the difference of the runs. A difference with an unknown cost is unknown.
 *
 * @example
 * ```ts
 * import { RunService } from "@effect-noukai/sdk"
 * import * as TraceDiff from "@effect-noukai/report/TraceDiff"
 * import { Effect } from "effect"
 *
 * const compare = (before: string, after: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const { partsAt, steps } = TraceDiff.make(
 *       yield* runs.trace("acme/spelling/grade-3", before),
 *       yield* runs.trace("acme/spelling/grade-3", after)
 *     )
 *     return partsAt === undefined ? undefined : steps[partsAt]?.stepId
 *   })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (before: Trace, after: Trace, options: Options = {}): TraceDiff => {
  const { limit = 100 } = Kit.orThrow("TraceDiff.make", options, { limit: true }, ["limit"])
  const [first, second] = [runSideOf(before), runSideOf(after)]
  const arePayloadsCompared = first.hasPayloads && second.hasPayloads
  const areCostsTold = first.costUsd !== undefined && second.costUsd !== undefined
  const areCostsKnown = areCostsTold && first.isCostKnown && second.isCostKnown
  let marked = 0
  const steps = aligned(keyed(before), keyed(after)).map((pair): StepDiff => {
    const [was, is, isMoved] = pair
    const { attempt, loopIndex, stepId } = (is ?? was)!.step
    const payloads: Compared = arePayloadsCompared && was !== undefined && is !== undefined
      ? differ(was.step, is.step, limit, marked < maxMarked)
      : { hasMore: false }
    if (!isEqual(payloads)) marked++
    const isSame = was?.step.status === is?.step.status && was?.step.modelUsed === is?.step.modelUsed &&
      isEqual(payloads)
    const costs = [was?.step.costUsd, is?.step.costUsd]
    return {
      kind: was === undefined ? "new" : is === undefined ? "missing" : isSame ? "same" : "changed",
      stepId,
      ...known({ loopIndex }),
      attempt,
      isMoved,
      ...known({ before: was && sideOf(was), after: is && sideOf(is) }),
      ...payloads,
      isCut: was?.step.truncated === true || is?.step.truncated === true,
      ...known({ durationMs: timeLess(pair) }),
      ...(areCostsTold && costs.some((cost) => cost !== undefined) && was?.isCostUnknown !== true &&
        is?.isCostUnknown !== true && { costUsd: costLess(costs[1], costs[0]) })
    }
  })
  const counts = { same: 0, changed: 0, missing: 0, new: 0, moved: 0 }
  for (const { isMoved, kind } of steps) {
    counts[kind]++
    if (isMoved) counts.moved++
  }
  const partsAt = steps.findIndex(({ input = [] }) => input.length > 0)
  const isDifferent = first.status !== second.status || counts.same < steps.length || counts.moved > 0
  const isKnown = (steps.length === 0 || arePayloadsCompared) && !steps.some(({ isCut }) => isCut)
  return {
    before: first,
    after: second,
    steps,
    counts,
    ...(partsAt >= 0 && { partsAt }),
    arePayloadsCompared,
    wallMs: less(second.wallMs, first.wallMs),
    ...(areCostsKnown && { costUsd: costLess(second.costUsd, first.costUsd) }),
    verdict: isDifferent ? "different" : isKnown ? "same" : "unknown"
  }
}

/** A text in one line, which controls no terminal. */
const inLine = (text: string): string => safeText(text).replace(/[\t\n\r\u0080-\u009f\u2028\u2029]/g, "\ufffd")

const signed = (text: string, unit: string): string =>
  text.startsWith("-") ? `-${unit}${text.slice(1)}` : `+${unit}${text}`

const millis = (ms: number): string => `${formatCost(decimal(ms))} ms`

const arrow = (before: string | undefined, after: string | undefined, difference: string | undefined): string =>
  `${before ?? "unknown"} → ${after ?? "unknown"}${difference === undefined ? "" : ` (${difference})`}`

const times = (was: number | undefined, is: number | undefined, difference: number | undefined) =>
  was === undefined && is === undefined ? [] : [arrow(
    was === undefined ? undefined : millis(was),
    is === undefined ? undefined : millis(is),
    difference === undefined ? undefined : signed(millis(difference), "")
  )]

/** The cost of a step or a run. Absent if it has none. */
const dollars = (
  { costUsd, isCostUnknown, unknownCosts = isCostUnknown ? 1 : 0 }: Partial<RunSide & StepSide>
): string | undefined =>
  costUsd === undefined && isCostUnknown === undefined ? undefined : costText({ costUsd, unknownCosts })

const costs = (
  before: Partial<RunSide & StepSide>,
  after: Partial<RunSide & StepSide>,
  difference: string | undefined
) => {
  const [was, is] = [dollars(before), dollars(after)]
  return was === undefined && is === undefined
    ? []
    : [arrow(was, is, difference === undefined ? undefined : signed(difference, "$"))]
}

const pairText = (was: StepSide, is: StepSide, step: StepDiff): ReadonlyArray<string> => [
  ...(was.status === is.status ? [] : [`status ${was.status} → ${is.status}`]),
  ...(was.modelUsed === is.modelUsed ? [] : [`model ${arrow(was.modelUsed, is.modelUsed, undefined)}`]),
  ...payloadKeys.filter((key) => (step[key] ?? []).length > 0),
  ...times(was.durationMs, is.durationMs, step.durationMs),
  ...costs(was, is, step.costUsd)
]

const aloneText = (side: StepSide): ReadonlyArray<string> => [
  side.status,
  ...(side.durationMs === undefined ? [] : [millis(side.durationMs)]),
  ...Arr.fromNullable(dollars(side))
]

/** The differences of payloads that are printed of each step. */
const shown = 20

const stepLines = (step: StepDiff, isParting: boolean): ReadonlyArray<string> => {
  const { after, attempt, before, isMoved, kind, loopIndex, stepId } = step
  if (kind === "same" && !isMoved) return []
  const label = `${stepId}${loopIndex === undefined ? "" : ` [${loopIndex}]`}${
    attempt === 1 ? "" : ` attempt ${attempt}`
  }`
  const facts = [
    ...(isMoved ? [`moved from place ${before!.place} to ${after!.place}`] : []),
    ...(before !== undefined && after !== undefined
      ? pairText(before, after, step)
      : [before, after].flatMap((side) => side === undefined ? [] : aloneText(side)))
  ]
  const differences = payloadKeys.flatMap((key) =>
    (step[key] ?? []).map(({ path, ...change }) =>
      `    ${changeText({ ...change, path: `${key}${path.slice(1)}` }, "was", "is")}`
    )
  )
  const left = differences.length - shown
  return [
    ...(isParting ? ["> the runs part here: the first input that differs"] : []),
    `${isParting ? ">" : " "} ${(kind === "same" ? "moved" : kind).padEnd(7)}  ${label}: ${facts.join("; ")}`,
    ...differences.slice(0, shown),
    ...(left > 0 || step.hasMore ? [`    and ${step.hasMore ? "more" : `${left} more`}`] : [])
  ]
}

/**
 * Returns the differences as lines of text: a line for each step that differs, with its time and cost, the differences of
 * its payloads below it, and the totals. Steps that are the same are counted. Texts control no terminal, and keys of
 * Noukai are masked.
 *
 * @since 0.1.0
 * @category formatting
 */
export const toText = (diff: TraceDiff): string => {
  const { after, before, counts, partsAt, steps } = diff
  const cut = steps.filter(({ isCut }) => isCut).length
  return [
    `${before.executionId} → ${after.executionId}: ${
      before.status === after.status ? after.status : `${before.status} → ${after.status}`
    }`,
    ...steps.flatMap((step, index) => stepLines(step, index === partsAt)),
    [
      `${counts.same} ${counts.same === 1 ? "step" : "steps"} the same, ${counts.changed} changed`,
      `${counts.missing} missing, ${counts.new} new, ${counts.moved} moved`
    ].join(", "),
    `time ${times(before.wallMs, after.wallMs, diff.wallMs).join("")}`,
    ...costs(before, after, diff.costUsd).map((text) => `cost ${text}`),
    ...[before, after].filter(({ isCostKnown }) => !isCostKnown).map(({ executionId }) =>
      `the cost of ${executionId} is not wholly known`
    ),
    ...(diff.arePayloadsCompared || steps.length === 0
      ? []
      : ["payloads were not compared: one of the runs has none stored"]),
    ...(cut === 0 ? [] : [`the server cut stored payloads of ${cut} ${cut === 1 ? "step" : "steps"}`])
  ].map((line) => `${inLine(line)}\n`).join("")
}
