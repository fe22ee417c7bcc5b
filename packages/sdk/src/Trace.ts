/**
 * The record of a run: its summary, its steps with every attempt, and their totals.
 *
 * @since 0.1.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { lenient, lenientWith, nullAs, nullAsAbsent } from "./internal/schema/nullable.js"

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

/** The limit of digits keeps adding costs cheap whatever the server sends. */
const decimal = /^[+-]?(\d{1,64}(\.\d{0,64})?|\.\d{1,64})([eE][+-]?\d{1,2})?$/

/**
 * A sum of money as decimal text: `"0.00031"`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Cost: Schema.Schema<string> = Schema.String.pipe(
  Schema.filter((text) => decimal.test(text), { message: () => "must be a decimal number as text" })
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
  /** Milliseconds. */
  durationMs: lenient(Schema.Number),
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

const stepAttemptsSchema = Schema.Struct({
  stepId: Schema.String,
  attempts: Schema.Array(StepTrace)
})

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

const traceSchema = Schema.Struct({
  flowRun: FlowRun,
  steps: nullAs(Schema.Array(StepTrace), () => [])
})

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
 * The totals of steps.
 *
 * @since 0.1.0
 * @category models
 */
export interface Totals {
  /**
   * Milliseconds of all attempts together. Steps that ran side by side all count, so it may be more than
   * `flowRun.durationMs`, the time from start to end.
   */
  readonly durationMs: number
  readonly tokens: Tokens
  /** US dollars, exact. `BigDecimal.format` makes text of it. */
  readonly cost: BigDecimal.BigDecimal
}

const zero = BigDecimal.make(0n, 0)

const costOf = (step: StepTrace): BigDecimal.BigDecimal =>
  step.costUsd === undefined ? zero : Option.getOrElse(BigDecimal.fromString(step.costUsd), () => zero)

/**
 * Adds up a trace, or the attempts at one step: every attempt and every iteration of a loop counts, failed ones too,
 * since all of them are billed. A number that a step lacks counts as 0. Costs are added as decimals, never as floats.
 *
 * @example
 * ```ts
 * import { RunService, Trace } from "@effect-noukai/sdk"
 * import { BigDecimal, Effect } from "effect"
 *
 * const cost = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     return BigDecimal.format(Trace.totals(trace).cost)
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const totals = (trace: Pick<Trace, "steps"> | StepAttempts): Totals => {
  let durationMs = 0
  let prompt = 0
  let completion = 0
  let total = 0
  let cost = zero
  for (const step of "steps" in trace ? trace.steps : trace.attempts) {
    durationMs += step.durationMs ?? 0
    prompt += step.tokens?.prompt ?? 0
    completion += step.tokens?.completion ?? 0
    total += step.tokens?.total ?? 0
    cost = BigDecimal.sum(cost, costOf(step))
  }
  return { durationMs, tokens: { prompt, completion, total }, cost }
}
