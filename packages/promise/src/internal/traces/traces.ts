/** Translates traces of the SDK. */
import * as Sdk from "@effect-noukai/sdk/Trace"
import * as Predicate from "effect/Predicate"
import type * as Trace from "../../Trace.js"
import { fieldOf, type Json, overReceived } from "../json.js"

/** Fields that are omitted if they are `null`. */
const valueless: ReadonlySet<string> = new Set(
  [
    "attempt",
    "flowId",
    "loopIndex",
    "triggerType",
    "startedAt",
    "completedAt",
    "durationMs",
    "waitingMs",
    "stepCount",
    "modelUsed",
    "tokens",
    "costUsd",
    "inputContext",
    "outputContext",
    "errorContext",
    "inputSizeBytes",
    "outputSizeBytes",
    "truncated"
  ] satisfies ReadonlyArray<keyof Trace.StepTrace | keyof Trace.RunSummary>
)

/** Returns the received object without `null` fields, or the decoded one if nothing was received. */
const partOf = <A extends object>(value: A & { readonly raw?: unknown }): Json =>
  Predicate.isRecord(value.raw)
    ? Object.fromEntries(Object.entries(value.raw).filter(([key, item]) => item !== null || !valueless.has(key)))
    : value as Json

/** Translates a step. Status and contexts keep the server's values. */
const stepOf = (step: Sdk.StepTrace): Trace.StepTrace => {
  const { attempt, raw, tokens } = step
  const fields = partOf(step)
  return {
    ...fields,
    ...("attempt" in fields ? undefined : { attempt }),
    ...(tokens === undefined ? undefined : { tokens: overReceived(fieldOf(raw, "tokens"), tokens) })
  } as Trace.StepTrace
}

const totalsOf = (totals: Sdk.Totals): Trace.TraceTotals => {
  const { busyMs, costUsd, durationMs, tokens, unknownCosts, waitingMs, wallMs } = totals
  return { durationMs, wallMs, busyMs, waitingMs, tokens: { ...tokens }, costUsd, unknownCosts }
}

export const costOf = (cost: Sdk.RunCost): Trace.RunCost => {
  const { executionId, isKnown, status } = cost
  return { ...totalsOf(cost), executionId, status, isKnown }
}

/** Translates the summary of a run. */
export const runOf = (run: Sdk.FlowRun): Trace.RunSummary => ({ ...partOf(run) }) as unknown as Trace.RunSummary

export const traceOf = (trace: Sdk.Trace): Trace.Trace => {
  const parts = { flowRun: { ...partOf(trace.flowRun) }, steps: trace.steps.map(stepOf) }
  const fields: object = overReceived(trace.raw, parts)
  return ("summary" in fields ? fields : Object.defineProperty(fields, "summary", {
    get: () => totalsOf(Sdk.totals(trace)),
    enumerable: false
  })) as Trace.Trace
}

export const stepTraceOf = (trace: Sdk.StepTrace | Sdk.StepAttempts): Trace.StepTrace | Trace.StepAttempts =>
  "attempts" in trace
    ? overReceived(trace.raw, { stepId: trace.stepId, attempts: trace.attempts.map(stepOf) })
    : stepOf(trace)
