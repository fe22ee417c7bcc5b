/** A run and its steps, as the page shows them. */
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import { costOf, isCostUnknown, type RunCost, type StepTrace, type Trace } from "@effect-noukai/sdk/Trace"
import type * as RunsApi from "../RunsApi.js"
import type { StoredRun } from "../StudioSource.js"
import { payloadJson } from "./payloads.js"
import { searching } from "./search.js"
import { cut, exactJson, type Mask } from "./text.js"
import { hasEnded, millisOf } from "./times.js"
import { errorOf } from "./told.js"

/** The most characters of an error in the list of bars. */
const mostFailure = 500

const howToCapture =
  "To keep them, run the flow with `snapshots: true` (`noukai run --snapshots`), or set its capture mode to `full`."

const isCaptured = ({ inputContext, outputContext }: StepTrace): boolean =>
  inputContext !== undefined || outputContext !== undefined

const cutNote = "The server cut the largest payloads when it stored them."

const notesOf = ({ trace }: StoredRun): ReadonlyArray<string> => {
  const { flowRun, steps } = trace
  if (steps.length === 0) {
    return hasEnded(flowRun.status)
      ? ["No steps are stored of this run. The capture mode `off` stores none; set it to `full` to see them."]
      : ["No step has begun."]
  }
  return [
    ...steps.some(isCaptured) ? [] : [`Inputs and outputs were not captured. ${howToCapture}`],
    ...steps.some(({ truncated }) => truncated) ? [cutNote] : []
  ]
}

const barOf = ({ bars: [bar], costUsd, depth, tokens, unknownCosts }: TraceLayout.Row): RunsApi.Bar => {
  const { attempt, errorContext, loopIndex, modelUsed, stepId } = bar.step
  const { error } = errorOf(bar.step)
  return {
    stepId,
    attempt,
    ...loopIndex !== undefined && { loopIndex },
    label: bar.label,
    kind: bar.kind,
    isLoop: bar.isLoop,
    depth,
    startMs: bar.startMs,
    durationMs: bar.durationMs,
    waitingMs: bar.waitingMs,
    ...modelUsed !== undefined && { model: modelUsed },
    ...tokens > 0 && { tokens },
    ...costUsd !== undefined && { costUsd },
    ...unknownCosts > 0 && { unknownCosts },
    ...error !== undefined && { error },
    // the line after it is the input
    failure: errorContext === undefined ? [] : bar.failure.slice(0, 1).map((line) => cut(line, mostFailure))
  }
}

/** The fields of a run that tell its cost: none if no step is stored. */
export const knownCostOf = (
  { costUsd, steps, unknownCosts }: Pick<RunCost, "costUsd" | "steps" | "unknownCosts">
): Pick<RunsApi.Run, "costUsd" | "unknownCosts"> =>
  steps.length === 0 ? {} : { costUsd, ...unknownCosts > 0 && { unknownCosts } }

/** The parts of a run that its trace alone tells. */
const partsOf = (trace: Trace, layout: TraceLayout.TraceLayout, id: string) => {
  const cost = costOf(trace, id)
  return {
    cost: knownCostOf(cost),
    totalMs: layout.totalMs,
    waitingMs: layout.waitingMs,
    tokens: layout.tokens,
    bars: layout.rows.map(barOf),
    criticalPath: TraceLayout.criticalPath(layout),
    ...layout.focus !== undefined && { focus: layout.focus },
    steps: cost.steps.map(({ attempts, busyMs, costUsd, stepId, tokens, unknownCosts, waitingMs }) => ({
      stepId,
      attempts,
      busyMs,
      waitingMs,
      tokens: tokens.total,
      costUsd,
      ...unknownCosts > 0 && { unknownCosts }
    }))
  }
}

/** Since when a run waits for its caller, as far as its trace and its watcher tell. */
export const waitsSinceOf = (
  { run: { startedAt, status, trigger }, trace: { steps }, watched }: Pick<StoredRun, "run" | "trace" | "watched">
): number | undefined => {
  if (hasEnded(status) || startedAt === undefined) return undefined
  const pause = watched?.pauses.at(-1)
  if (pause !== undefined && pause.durationMs === undefined) return startedAt + pause.startMs
  // other runs begin their next step by themselves
  if (trigger !== "step" || steps.some(({ status }) => !hasEnded(status))) return undefined
  const ends = steps.flatMap(({ completedAt }) => millisOf(completedAt) ?? [])
  return ends.length === 0 ? undefined : ends.reduce((latest, end) => Math.max(latest, end))
}

/** The times of a run that goes on: its trace knows nothing since the last event. */
const agesOf = (
  { startedAt, status }: RunsApi.Run,
  { bars, totalMs }: Pick<RunsApi.RunDetail, "bars" | "totalMs">,
  now: number
): Pick<RunsApi.RunDetail, "ageMs" | "totalMs"> => {
  if (hasEnded(status) || startedAt === undefined) return { totalMs }
  const ageMs = Math.max(0, now - startedAt)
  return { ageMs, totalMs: bars.some(({ kind }) => kind === "running") ? Math.max(totalMs, ageMs) : totalMs }
}

export interface Details {
  /** Returns a run without its payloads. */
  readonly detailOf: (stored: StoredRun, now: number) => RunsApi.RunDetail
  /** Returns the places of a text in the run with this trace and id. */
  readonly search: (trace: Trace, id: string, text: string) => RunsApi.Hits
}

/**
 * Makes the views of runs. The parts of the newest trace are kept: a page that opens a run reads it, watches it and searches
 * in it, and sources keep the traces of ended runs.
 */
export const make = (mask: Mask): Details => {
  let newest: {
    readonly trace: Trace
    readonly parts: ReturnType<typeof partsOf>
    readonly layout: TraceLayout.TraceLayout
    search?: (text: string) => RunsApi.Hits
  } | undefined
  const of = (trace: Trace, id: string) => {
    if (newest?.trace !== trace) {
      const layout = TraceLayout.make(trace)
      newest = { trace, layout, parts: partsOf(trace, layout, id) }
    }
    return newest
  }
  return {
    detailOf: (stored, now) => {
      const { run, trace, watched } = stored
      const { cost, ...parts } = of(trace, run.id).parts
      const waitsSince = run.waitsSince ?? waitsSinceOf(stored)
      return {
        run: {
          ...run.costUsd === undefined ? { ...run, ...cost } : { ...cost, ...run },
          ...waitsSince !== undefined && { waitsSince }
        },
        ...parts,
        ...agesOf(run, parts, now),
        ...watched !== undefined && { watched },
        notes: notesOf(stored)
      }
    },
    search: (trace, id, text) => {
      const kept = of(trace, id)
      kept.search ??= searching(mask, kept.layout)
      return kept.search(text)
    }
  }
}

const payloadOf = (json: string | undefined, sizeBytes?: number): RunsApi.Payload => {
  const size = sizeBytes ?? (json === undefined ? undefined : new TextEncoder().encode(json).length)
  return {
    isCaptured: json !== undefined,
    ...json !== undefined && { json },
    ...size !== undefined && { sizeBytes: size }
  }
}

const attemptOf = (step: StepTrace): RunsApi.StepAttempt => {
  const { costUsd, durationMs, loopIndex, modelUsed, startedAt, tokens, waitingMs } = step
  const began = millisOf(startedAt)
  return {
    attempt: step.attempt,
    ...loopIndex !== undefined && { loopIndex },
    status: step.status,
    ...modelUsed !== undefined && { model: modelUsed },
    ...tokens !== undefined && { tokens },
    ...costUsd !== undefined && { costUsd },
    ...isCostUnknown(step) && { unknownCosts: 1 },
    ...began !== undefined && { startedAt: began },
    ...durationMs !== undefined && { durationMs },
    ...waitingMs !== undefined && { waitingMs },
    input: payloadOf(payloadJson(step, "inputContext"), step.inputSizeBytes),
    output: payloadOf(payloadJson(step, "outputContext"), step.outputSizeBytes),
    error: payloadOf(payloadJson(step, "errorContext")),
    isTruncated: step.truncated
  }
}

/** Returns all attempts at a step, in one iteration or outside loops. Returns `undefined` for an unknown step. */
export const stepDetail = (
  { conversations, trace }: StoredRun,
  stepId: string,
  loop: number | undefined
): RunsApi.StepDetail | undefined => {
  const steps = trace.steps.filter((step) => step.stepId === stepId && step.loopIndex === loop)
  if (steps.length === 0) return undefined
  const conversation = loop === undefined ? conversations?.[stepId] : undefined
  return {
    stepId,
    attempts: steps.map(attemptOf),
    ...conversation !== undefined && { conversation: exactJson(conversation) ?? "null" },
    notes: [
      ...steps.some(isCaptured) ? [] : [`The input and the output were not captured. ${howToCapture}`],
      ...steps.some(({ truncated }) => truncated) ? [cutNote] : []
    ]
  }
}
