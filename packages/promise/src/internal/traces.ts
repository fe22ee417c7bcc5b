/**
 * From the traces of the sdk to those of this package.
 *
 * @internal
 */
import * as Sdk from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import type * as Run from "../Run.js"

/** A status, and contexts, are what the server says they are. */
const stepOf = (step: Sdk.StepTrace): Run.StepTrace => ({ ...step }) as Run.StepTrace

const totalsOf = (trace: Sdk.Trace): Run.TraceTotals => {
  const { cost, durationMs, tokens } = Sdk.totals(trace)
  return { durationMs, tokens: { ...tokens }, costUsd: BigDecimal.format(cost) }
}

/** @internal */
export const traceOf = (trace: Sdk.Trace): Run.Trace =>
  Object.defineProperty({ flowRun: { ...trace.flowRun }, steps: trace.steps.map(stepOf) }, "summary", {
    get: () => totalsOf(trace),
    enumerable: false
  }) as Run.Trace

/** @internal */
export const stepTraceOf = (trace: Sdk.StepTrace | Sdk.StepAttempts): Run.StepTrace | Run.StepAttempts =>
  "attempts" in trace ? { stepId: trace.stepId, attempts: trace.attempts.map(stepOf) } : stepOf(trace)
