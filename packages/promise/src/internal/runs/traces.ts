/**
 * From the traces of the sdk to those of this package.
 *
 * @internal
 */
import * as Sdk from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import type * as Trace from "../../Trace.js"

/** A status, and contexts, are what the server says they are. */
const stepOf = (step: Sdk.StepTrace): Trace.StepTrace => ({ ...step }) as Trace.StepTrace

const totalsOf = (trace: Sdk.Trace): Trace.TraceTotals => {
  const { cost, durationMs, tokens } = Sdk.totals(trace)
  return { durationMs, tokens: { ...tokens }, costUsd: BigDecimal.format(cost) }
}

/** @internal */
export const traceOf = (trace: Sdk.Trace): Trace.Trace =>
  Object.defineProperty({ flowRun: { ...trace.flowRun }, steps: trace.steps.map(stepOf) }, "summary", {
    get: () => totalsOf(trace),
    enumerable: false
  }) as Trace.Trace

/** @internal */
export const stepTraceOf = (trace: Sdk.StepTrace | Sdk.StepAttempts): Trace.StepTrace | Trace.StepAttempts =>
  "attempts" in trace ? { stepId: trace.stepId, attempts: trace.attempts.map(stepOf) } : stepOf(trace)
