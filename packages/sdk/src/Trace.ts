/**
 * The record of a run: its summary, its steps with every attempt, and their totals.
 *
 * @since 0.1.0
 */
import type * as BigDecimal from "effect/BigDecimal"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { addCost, formatCost, noCost, parseCost } from "./internal/core/cost.js"
import { known } from "./internal/core/makeError.js"
import { lenient, lenientWith, nullAs, nullAsAbsent } from "./internal/core/wire.js"
import { otlpSpans, type OtlpTraces, type SpanOptions } from "./internal/trace/otlpSpans.js"
import * as Timeline from "./internal/trace/timeline.js"

export { serverProblem as problemOf } from "./internal/core/runProblem.js"
export type { ServerProblem } from "./internal/core/runProblem.js"
export type { OtlpAttribute, OtlpSpan, OtlpTraces, OtlpValue, SpanOptions } from "./internal/trace/otlpSpans.js"

const count = lenientWith(Schema.Number, 0)

const flowRunSchema = Schema.Struct({
  id: Schema.String,
  flowId: lenient(Schema.String),
  /** `running`, `completed`, `failed`, `cancelled`, or something newer. */
  status: Schema.String,
  triggerType: lenient(Schema.String),
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** From start to end, in milliseconds. */
  durationMs: lenient(Schema.Number),
  stepCount: lenient(Schema.Number)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface FlowRun extends Schema.Schema.Type<typeof flowRunSchema> {
  /** The run as the server gave it, unknown keys included. Not enumerable. Absent where no server gave it. */
  readonly raw?: unknown
}

/**
 * A run as a whole. Keys that the server leaves out, sends as `null` or in another type are absent. Timestamps are
 * ISO-8601 text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FlowRun: Schema.Schema<FlowRun, Schema.Schema.Encoded<typeof flowRunSchema>> = flowRunSchema

const tokensSchema = Schema.Struct({ prompt: count, completion: count, total: count })

/**
 * @since 0.1.0
 * @category models
 */
export interface Tokens extends Schema.Schema.Type<typeof tokensSchema> {}

/**
 * The tokens of a step. A number that is missing is 0.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Tokens: Schema.Schema<Tokens, Schema.Schema.Encoded<typeof tokensSchema>> = tokensSchema

/**
 * A sum of money as decimal text: `"0.00031"`. Not negative.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Cost: Schema.Schema<string> = Schema.String.pipe(
  Schema.filter((text) => parseCost(text) !== undefined, {
    message: () => "must be a decimal number of at least 0 as text"
  })
)

const stepTraceSchema = Schema.Struct({
  stepId: Schema.String,
  /** The number of the attempt, from 1. */
  attempt: lenientWith(Schema.Number, 1),
  /** The iteration of the loop, from 0. */
  loopIndex: lenient(Schema.Number),
  /** `running`, `completed`, `failed`, `skipped`, or something newer. */
  status: Schema.String,
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** Milliseconds, as the server counts them: with the waits for tool results, or without. */
  durationMs: lenient(Schema.Number),
  /** Milliseconds for which the step waited for tool results. Absent where the server does not say. */
  waitingMs: lenient(Schema.Number),
  modelUsed: lenient(Schema.String),
  tokens: lenient(Tokens),
  /** US dollars, as decimal text. */
  costUsd: lenient(Cost),
  inputContext: nullAsAbsent(Schema.Unknown),
  outputContext: nullAsAbsent(Schema.Unknown),
  errorContext: nullAsAbsent(Schema.Unknown),
  /** Bytes. */
  inputSizeBytes: lenient(Schema.Number),
  /** Bytes. */
  outputSizeBytes: lenient(Schema.Number),
  /** Whether a stored payload was cut. */
  truncated: lenientWith(Schema.Boolean, false)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface StepTrace extends Schema.Schema.Type<typeof stepTraceSchema> {
  /** The answer as it came, if this is the whole of it. Not enumerable. */
  readonly raw?: unknown
}

/**
 * One attempt at one step, in one iteration if the step is in a loop. Keys that the server leaves out, sends as `null`
 * or in another type are absent; contexts are absent unless payloads were captured.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StepTrace: Schema.Schema<StepTrace, Schema.Schema.Encoded<typeof stepTraceSchema>> = stepTraceSchema

const stepAttemptsSchema = Schema.Struct({ stepId: Schema.String, attempts: Schema.Array(StepTrace) })

/**
 * @since 0.1.0
 * @category models
 */
export interface StepAttempts extends Schema.Schema.Type<typeof stepAttemptsSchema> {
  /** The answer as it came, unknown keys included. Not enumerable. Absent where no server gave it. */
  readonly raw?: unknown
}

/**
 * Every attempt at one step.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StepAttempts: Schema.Schema<StepAttempts, Schema.Schema.Encoded<typeof stepAttemptsSchema>> =
  stepAttemptsSchema

const traceSchema = Schema.Struct({ flowRun: FlowRun, steps: nullAs(Schema.Array(StepTrace), () => []) })

/**
 * @since 0.1.0
 * @category models
 */
export interface Trace extends Schema.Schema.Type<typeof traceSchema> {
  /** The answer as it came, unknown keys included. Not enumerable. Absent where no server gave it. */
  readonly raw?: unknown
}

/**
 * A run and its steps, every attempt and iteration one entry.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Trace: Schema.Schema<Trace, Schema.Schema.Encoded<typeof traceSchema>> = traceSchema

/**
 * Times in milliseconds, tokens and cost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Amounts {
  /** From start to end, waits included. */
  readonly wallMs: number
  /** The part in which a step was at work, and did not wait for tool results. */
  readonly busyMs: number
  /** The part in which a step waited for tool results. */
  readonly waitingMs: number
  readonly tokens: Tokens
  /** US dollars, exact. */
  readonly cost: BigDecimal.BigDecimal
  /** The cost as decimal text with all its digits, never in scientific notation. */
  readonly costUsd: string
}

/**
 * The amounts of one step, all its attempts and iterations together.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepTotals extends Amounts {
  readonly stepId: string
  /** The number of attempts, those of every iteration counted. */
  readonly attempts: number
}

/**
 * The tokens and cost of one model.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelTotals extends Pick<Amounts, "tokens" | "cost" | "costUsd"> {
  /** The name of the model; absent for steps whose model is not told. */
  readonly model?: string
}

/**
 * The totals of a run, or of the attempts at one step.
 *
 * @since 0.1.0
 * @category models
 */
export interface Totals extends Amounts {
  /**
   * The `durationMs` of all attempts together, as the server said them; loops and their iterations both count. The
   * times of a run are `wallMs`, `busyMs` and `waitingMs`.
   */
  readonly durationMs: number
  /** By step, in the order of their first attempts. */
  readonly steps: ReadonlyArray<StepTotals>
  /** By model, in the order of their first use. Steps without tokens and cost are not among them. */
  readonly models: ReadonlyArray<ModelTotals>
}

/**
 * The totals of one run, and how far they can be relied on.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunCost extends Totals {
  readonly executionId: string
  /** The status of the run: the totals of one that is `running` grow. */
  readonly status: string
  /**
   * Whether the whole cost is known. `false`: the trace has no steps, since the run has none yet or stores none (capture
   * mode `off`), or the cost of a step is negative or not a decimal. The totals count such a step as 0.
   */
  readonly isKnown: boolean
}

/** The part of a run that is added up. */
interface Part extends Omit<Amounts, "costUsd"> {
  readonly attempts: number
}

const noTokens: Tokens = { prompt: 0, completion: 0, total: 0 }

const nothing: Part = { wallMs: 0, busyMs: 0, waitingMs: 0, tokens: noTokens, cost: noCost, attempts: 0 }

/** The sum of milliseconds, exact to the nanosecond. */
const plus = (a: number, b: number): number => Math.round((a + b) * 1_000_000) / 1_000_000

const sumOf = (a: Part = nothing, b: Part): Part => ({
  wallMs: plus(a.wallMs, b.wallMs),
  busyMs: plus(a.busyMs, b.busyMs),
  waitingMs: plus(a.waitingMs, b.waitingMs),
  tokens: {
    prompt: a.tokens.prompt + b.tokens.prompt,
    completion: a.tokens.completion + b.tokens.completion,
    total: a.tokens.total + b.tokens.total
  },
  cost: addCost(a.cost, b.cost),
  attempts: a.attempts + b.attempts
})

const usedOf = ({ cost, tokens }: Part) => ({ tokens, cost, costUsd: formatCost(cost) })

const amountsOf = (part: Part): Amounts => {
  const { busyMs, waitingMs, wallMs } = part
  return { wallMs, busyMs, waitingMs, ...usedOf(part) }
}

/** The sums of a run, and those by step and by model. */
class Sums {
  all = nothing
  durationMs = 0
  private readonly steps = new Map<string, Part>()
  private readonly models = new Map<string | undefined, Part>()

  addStep(stepId: string, part: Part): void {
    this.steps.set(stepId, sumOf(this.steps.get(stepId), part))
  }

  addModel(model: string | undefined, part: Part): void {
    this.models.set(model, sumOf(this.models.get(model), part))
  }

  get totals(): Totals {
    return {
      ...amountsOf(this.all),
      durationMs: this.durationMs,
      steps: [...this.steps].map(([stepId, part]) => ({ stepId, attempts: part.attempts, ...amountsOf(part) })),
      models: [...this.models].map(([model, part]) => ({ ...known({ model }), ...usedOf(part) }))
    }
  }
}

const amountOf = (costUsd = "0"): BigDecimal.BigDecimal => parseCost(costUsd) ?? noCost

/**
 * Adds up a trace, or the attempts at one step: every attempt and every iteration of a loop counts, failed ones too,
 * since all of them are billed. A number that a step lacks counts as 0. Costs are added as decimals, never as floats.
 *
 * `wallMs` of a run is the time from its start to its end; while it goes on, to the last moment that the trace knows.
 * The other times are sums: steps side by side all count, so that `busyMs` may exceed `wallMs`, and a loop is busy only
 * while none of its iterations is. What is neither busy nor waiting was spent between steps.
 *
 * A step waited as long as its `waitingMs` says. Where the server does not say it, the wait is the time between
 * `startedAt` and `completedAt` that `durationMs` leaves out, as far as it is more than the rounding of the timestamps:
 * a server that counts waits into `durationMs` and says no `waitingMs` has steps that seem busy while they wait.
 *
 * A field that is missing or has another type than it should counts as absent, and a value that is not a trace has no
 * steps: nothing is thrown.
 *
 * @example
 * ```ts
 * import { RunService, Trace } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const cost = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     return Trace.totals(trace).costUsd
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const totals = (trace: Pick<Trace, "steps"> & Partial<Pick<Trace, "flowRun">> | StepAttempts): Totals => {
  const { steps, wall } = Timeline.timelineOf(Timeline.givenTrace(trace))
  const iterations = steps.map(() => 0n)
  for (const { loop, wall } of steps) if (loop !== undefined) iterations[loop]! += wall
  const sums = new Sums()
  for (const [index, { step, waiting, wall }] of steps.entries()) {
    const { costUsd, durationMs = 0, modelUsed, stepId, tokens } = step
    const busy = wall - waiting - iterations[index]!
    const part = {
      wallMs: Timeline.millisOf(wall),
      busyMs: busy > 0n ? Timeline.millisOf(busy) : 0,
      waitingMs: Timeline.millisOf(waiting),
      tokens: tokens ?? noTokens,
      cost: amountOf(costUsd),
      attempts: 1
    }
    sums.durationMs += durationMs
    sums.all = sumOf(sums.all, part)
    sums.addStep(stepId, part)
    if (tokens !== undefined || costUsd !== undefined) sums.addModel(modelUsed, part)
  }
  sums.all = { ...sums.all, wallMs: Timeline.millisOf(wall) }
  return sums.totals
}

/** Whether a cost can be read. A step without one cost nothing. */
const isReadable = (costUsd: unknown): boolean =>
  costUsd === undefined || costUsd === null || (typeof costUsd === "string" && parseCost(costUsd) !== undefined)

/** Whether all costs of a trace can be read. A cost that is not a decimal is absent from its steps, so the response counts. */
const areCostsReadable = ({ raw, steps }: Trace): boolean => {
  const sent = Predicate.isRecord(raw) && Array.isArray(raw.steps) ? raw.steps : steps
  return sent.every((step: unknown) => Predicate.isRecord(step) && isReadable(step.costUsd))
}

/**
 * Returns the cost of a run from its trace, as `RunService.cost` does, for programs that read the trace anyway.
 *
 * @since 0.1.0
 * @category combinators
 */
export const costOf = (trace: Trace, executionId: string): RunCost => ({
  executionId,
  status: trace.flowRun.status,
  isKnown: trace.steps.length > 0 && areCostsReadable(trace),
  ...totals(trace)
})

/** The amounts as they are given; one that is missing or of another type is 0. */
const partOf = (given: { readonly [key: string]: unknown }): Part => ({
  wallMs: Timeline.numberOf(given.wallMs) ?? 0,
  busyMs: Timeline.numberOf(given.busyMs) ?? 0,
  waitingMs: Timeline.numberOf(given.waitingMs) ?? 0,
  tokens: Timeline.tokensOf(given.tokens),
  cost: amountOf(Timeline.textOf(given.costUsd)),
  attempts: Timeline.numberOf(given.attempts) ?? 0
})

/**
 * Adds up the totals of several runs: times, tokens and costs, in all, by step and by model, in the order in which steps
 * and models are first met. Costs are added as decimals. All times are sums, `wallMs` too, which runs side by side
 * exceed. Nothing to add up is 0, and so is an amount that is missing or has another type than it should.
 *
 * @example
 * ```ts
 * import { RunService, Trace } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const costOf = (executionIds: ReadonlyArray<string>) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const each = yield* Effect.forEach(executionIds, (id) => runs.cost("acme/spelling/grade-3", id))
 *     return Trace.sumTotals(each).costUsd
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const sumTotals = (all: Iterable<Totals>): Totals => {
  const sums = new Sums()
  for (const totals of Timeline.recordsIn(all)) {
    sums.all = sumOf(sums.all, partOf(totals))
    sums.durationMs += Timeline.numberOf(totals.durationMs) ?? 0
    for (const step of Timeline.recordsIn(totals.steps)) {
      sums.addStep(Timeline.textOf(step.stepId) ?? "unknown", partOf(step))
    }
    for (const model of Timeline.recordsIn(totals.models)) sums.addModel(Timeline.textOf(model.model), partOf(model))
  }
  return sums.totals
}

/**
 * A stored run as OpenTelemetry spans, in the JSON that a collector takes over HTTP (`POST /v1/traces`): one for the run
 * and one for every attempt at every step, each when it was, below the loop that it is in. The ids are made of the run, so
 * that a second export says the same. Pure: nothing is read or sent, and no package of OpenTelemetry is needed.
 *
 * A step that goes on ends at the last moment that the trace knows, and one whose start is not told follows the step
 * before it. A trace without any timestamp has no spans.
 *
 * A field that is missing or has another type than it should counts as absent, and a value that is not a trace has no
 * steps: nothing is thrown.
 *
 * @example
 * ```ts
 * import { RunService, Trace } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const body = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     return JSON.stringify(Trace.toSpans(trace, { serviceName: "spelling" }))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toSpans = (trace: Trace, options: SpanOptions = {}): OtlpTraces =>
  otlpSpans(Timeline.givenTrace(trace), Timeline.fieldsOf(options))
