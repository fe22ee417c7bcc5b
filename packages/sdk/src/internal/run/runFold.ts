/**
 * Interprets the events of a run. One pure fold serves responses, stored traces and replays: from the state of a run and
 * its next event, it computes the state after the event.
 *
 * @see docs/wire.md#events
 * @see docs/wire.md#order-of-events
 * @see docs/wire.md#cursor
 * @see docs/wire.md#pauses
 * @see docs/wire.md#outputs
 * @see docs/wire.md#live-traces
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { FlowCursor, PendingTools } from "../../FlowCursor.js"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { ErrorCode } from "../../NoukaiError.js"
import { known } from "../core/makeError.js"
import { isOfRun, otherRun } from "../core/runProblem.js"
import { callsOf } from "../kit/pauses.js"
import { digitsAt, digitsIn, digitsOf, type Exact } from "../kit/plainJson.js"

/** The code of a pause that a call cannot answer. */
export const unanswered: ErrorCode = "TOOL_CALLS_UNANSWERED_CLIENT"

/** A known output, and the event that carried it. */
export interface KnownOutput extends Exact {
  readonly from: "completed" | "step_output"
}

/** A known result of a run, and its origin. */
export interface KnownResult extends Exact {
  readonly from: "completed" | "last_step"
}

/** The end of a response, or a pause of the run, at the last event. */
export type RunEnd =
  | { readonly _tag: "paused" }
  | { readonly _tag: "tools"; readonly event: WireEventOf<"tool_calls_required"> }
  | { readonly _tag: "failed"; readonly stepId: string } & Exact
  | {
    readonly _tag: "completed"
    readonly event: WireEventOf<"flow_completed">
    readonly result: KnownResult | undefined
  }
  /** The event does not fit the run. */
  | { readonly _tag: "unexpected"; readonly reason: string; readonly code?: ErrorCode }

/** The output of a completed step that no event carried. */
const unknownOutput = Symbol("unknown output")

/** The last output of a completed step. Steps are in the order in which they completed first. */
interface StepResult extends Exact {
  readonly order: number
}

/** The output of a step that has not completed, or has completed without an output of its own. */
interface KeptOutput extends Exact {
  /** The rank of its best output since it last began or completed. */
  readonly rank: number
  /** The rank of the output that it completed with. */
  readonly taken: number | undefined
}

/** A state of a run that a fold makes. It is a class, because V8 copies spread objects slowly. */
class Draft {
  executionId: string | undefined
  /** The id by which events name the run. */
  named: string | undefined
  /** The index of the first step that has not completed, in the whole flow. */
  stepIndex = 0
  stepCount: number | undefined
  pending: PendingTools | undefined
  /** The answered pause of the step that completed last. */
  answered: PendingTools | undefined
  rounds = 0
  /** The step that completed last. */
  lastStepId: string | undefined
  /** The results of the steps that have completed, by step. */
  results = HashMap.empty<string, StepResult>()
  /** The number of completions: a step in a loop has several. */
  completions = 0
  /** Whether an event has begun the run. */
  begun = false
  /** Whether the last step may have completed, and the end of the run been lost. */
  mayBeOver = false
  /** Whether the last step, which has been delivered, runs again, because the events after it were lost. */
  again = false
  /** The first step of this response. */
  requested = -1
  /** Whether this response runs no step after that one. */
  isOneStep = false
  /** Whether a step has completed in this response. */
  completedHere = false
  /** The step that completed last, until an event of another step: a loop may complete once per iteration. */
  justCompleted: string | undefined
  /**
   * The index of each completed step. Only in a trace, where a step that runs again keeps its index. All states of a
   * trace share it: an entry counts in the states that are past its index.
   */
  places: Map<string, number> | undefined
  /** Outputs of this response, by step: a step that is cut off or paused runs again. */
  kept = HashMap.empty<string, KeptOutput>()
  /** The output of the step that the last event completed. */
  output: KnownOutput | undefined
  /** The progress of the run at the last pause, and the number of pauses since it changed. */
  pauses = { progress: 0, times: 0 }
  end: RunEnd | undefined

  /** @param start the cursor that the run goes on from */
  constructor(readonly start: FlowCursor) {}
}

const copyOf = (from: RunState): Draft => {
  const draft = new Draft(from.start)
  draft.executionId = from.executionId
  draft.named = from.named
  draft.stepIndex = from.stepIndex
  draft.stepCount = from.stepCount
  draft.pending = from.pending
  draft.answered = from.answered
  draft.rounds = from.rounds
  draft.lastStepId = from.lastStepId
  draft.results = from.results
  draft.completions = from.completions
  draft.begun = from.begun
  draft.mayBeOver = from.mayBeOver
  draft.again = from.again
  draft.requested = from.requested
  draft.isOneStep = from.isOneStep
  draft.completedHere = from.completedHere
  draft.justCompleted = from.justCompleted
  draft.places = from.places
  draft.kept = from.kept
  draft.output = from.output
  draft.pauses = from.pauses
  draft.end = from.end
  return draft
}

/** The state of a run. It never changes: each event makes another. */
export type RunState = Readonly<Draft>

/** A state with other values. */
export const changed = (state: RunState, changes: Partial<RunState>): RunState => Object.assign(copyOf(state), changes)

/** A state without the outputs of steps. */
export const withoutOutputs = (state: RunState): RunState =>
  changed(state, { results: HashMap.empty(), kept: HashMap.empty() })

/** Whether every step has completed, as far as the number of steps is known. */
export const isOver = (
  { stepCount, stepIndex }: { readonly stepCount?: number | undefined; readonly stepIndex: number }
): boolean => stepCount !== undefined && stepIndex > 0 && stepIndex >= stepCount

/** The state of a run at a cursor. */
export const stateAt = (start: FlowCursor): RunState => {
  const { executionId, lastStepId, outputs, pending, rounds, stepCount, stepIndex } = start
  const isAnswered = isOver(start) && pending?.toolCalls === undefined
  const state = new Draft(start)
  for (const [stepId, value] of Object.entries(outputs)) {
    setResult(state, stepId, { value, digits: digitsAt(start.digits, stepId) })
  }
  if (lastStepId !== undefined && !Object.hasOwn(outputs, lastStepId)) setResult(state, lastStepId)
  return Object.assign(state, {
    executionId,
    named: executionId,
    stepIndex,
    stepCount,
    ...(isAnswered ? { answered: pending } : { pending }),
    rounds,
    lastStepId,
    pauses: { progress: progressOf(state), times: 0 }
  })
}

/** The cursor before the first step of a run. */
export const startOf = (
  flow: string,
  flowVersion: FlowCursor["flowVersion"],
  more: Pick<FlowCursor, "executionId" | "first" | "sessionId">
): FlowCursor => ({ version: 1, flow, flowVersion, stepIndex: 0, outputs: {}, rounds: 0, ...more })

/** The state of a run before its first stored event. `named`: the id of the run in the events, if it is known. */
export const traceState = (start: FlowCursor, named: string | undefined): RunState =>
  changed(stateAt(start), { named, places: new Map() })

/** The state at the begin of another response, which runs one step or the rest of the flow. */
export const begin = (state: RunState, isOneStep: boolean): RunState =>
  changed(state, {
    requested: stepToRun(state),
    isOneStep,
    completedHere: false,
    justCompleted: undefined,
    kept: HashMap.empty(),
    end: undefined
  })

/** Keeps the answer to a pause. The answer of a step that completed before and runs again is kept apart. */
export const answered = (state: RunState, pending: PendingTools): RunState =>
  changed(state, {
    rounds: state.rounds + 1,
    pending: isOver(state) ? undefined : pending,
    answered: isOver(state) ? pending : state.answered
  })

/** The step that the next request runs. */
export const stepToRun = ({ again, stepIndex }: RunState): number => again ? stepIndex - 1 : stepIndex

/** The outputs so far, without one, and the digits of their numbers. */
export const outputsOf = ({ results }: RunState, but?: string) => {
  const known = HashMap.toEntries(results)
    .filter(([stepId, { value }]) => value !== unknownOutput && stepId !== but)
    .sort(([, a], [, b]) => a.order - b.order)
  const outputs: { readonly [stepId: string]: unknown } = Object.fromEntries(
    known.map(([stepId, { value }]) => [stepId, value])
  )
  return { outputs, digits: digitsIn(known.map(([stepId, { digits }]) => [stepId, digits])) }
}

/** The number of different steps that have completed: running one again is not progress. */
export const progressOf = ({ results }: RunState): number => HashMap.size(results)

/** The output of the step that completed last, if it is known. */
const lastOutput = ({ lastStepId, results }: RunState): Exact | undefined => {
  const last = lastStepId === undefined ? undefined : Option.getOrUndefined(HashMap.get(results, lastStepId))
  return last?.value === unknownOutput ? undefined : last
}

/** The place of the run, as a value for callers. */
export const cursorAt = (state: RunState): FlowCursor => {
  const { executionId, lastStepId, rounds, start, stepCount, stepIndex } = state
  const pending = state.pending ?? (isOver(state) ? state.answered : undefined)
  // the input of the first request may be needed again
  const first = stepIndex === 0 || (executionId === undefined && stepIndex === start.stepIndex) ||
      (stepIndex === 1 && (stepCount ?? 1) <= 1)
    ? start.first
    : undefined
  return known({
    version: 1,
    flow: start.flow,
    flowVersion: start.flowVersion,
    executionId,
    stepIndex,
    stepCount,
    ...outputsOf(state),
    lastStepId,
    sessionId: start.sessionId,
    pending,
    rounds,
    first
  })
}

/** Keeps the result of a step that has completed. */
const setResult = (state: Draft, stepId: string, { digits, value }: Exact = { value: unknownOutput }): void => {
  const before = Option.getOrUndefined(HashMap.get(state.results, stepId))
  const order = before?.order ?? HashMap.size(state.results)
  state.results = HashMap.set(state.results, stepId, { order, value, digits })
  state.completions++
}

/** The index of a completed step that runs again: in a loop or, in a trace, at any time. */
const placeBefore = ({ justCompleted, places, stepIndex }: RunState, stepId: string): number | undefined => {
  if (places === undefined) return justCompleted === stepId ? stepIndex - 1 : undefined
  const place = places.get(stepId)
  return place === undefined || place >= stepIndex ? undefined : place
}

/** The index of a step in the flow. */
export const placeOf = (state: RunState, stepId: string): number => placeBefore(state, stepId) ?? state.stepIndex

/** The rank of an output: one of a higher rank is not replaced by one of a lower rank. */
const ranks = { none: 0, outputData: 1, outputContext: 2 } as const

/** The value of a field, and the digits of its numbers. */
const exactOf = <K extends string>(event: { readonly [F in K]?: unknown }, field: K): Exact => ({
  value: event[field],
  digits: digitsAt(digitsOf(event), field)
})

/** The input of a step; `undefined` if the event carries none. */
export const inputOf = (event: WireEventOf<"step_input">): Exact =>
  exactOf(event, event.inputContext === undefined ? "inputData" : "inputContext")

/** The value of a partial output; `undefined` if the event carries none. */
export const partialOutputOf = (event: WireEventOf<"step_output">): Exact =>
  exactOf(event, event.outputContext === undefined ? "outputData" : "outputContext")

const keptOf = ({ kept }: RunState, stepId: string): KeptOutput | undefined =>
  Option.getOrUndefined(HashMap.get(kept, stepId))

/** An output. One of a step that has completed replaces its output. */
const stepOutput = (state: Draft, event: WireEventOf<"step_output">): void => {
  const { stepId } = event
  const output = partialOutputOf(event)
  if (output.value === undefined) return
  const rank = event.outputContext === undefined ? ranks.outputData : ranks.outputContext
  const kept = keptOf(state, stepId)
  const isLate = kept?.taken !== undefined && kept.taken <= rank
  if (isLate) setResult(state, stepId, output)
  const best = kept === undefined || rank >= kept.rank ? { rank, ...output } : kept
  state.kept = HashMap.set(state.kept, stepId, { ...best, taken: isLate ? rank : kept?.taken })
}

const stepCompleted = (state: Draft, event: WireEventOf<"step_completed">): void => {
  const { stepId } = event
  const { again } = state
  const kept = keptOf(state, stepId)
  const isRepeated = placeBefore(state, stepId) !== undefined
  if (event.output !== undefined) {
    state.output = { ...exactOf(event, "output"), from: "completed" }
    state.kept = HashMap.remove(state.kept, stepId)
  } else {
    const { digits, rank, value } = kept ?? { rank: ranks.none, value: undefined }
    state.output = rank === ranks.none ? undefined : { value, digits, from: "step_output" }
    state.kept = HashMap.set(state.kept, stepId, { rank: ranks.none, value: undefined, taken: rank })
  }
  state.justCompleted = stepId
  if (state.output !== undefined || !again) {
    setResult(state, stepId, state.output)
    state.lastStepId = stepId
  }
  if (again) return
  if (!isRepeated) {
    state.places?.set(stepId, state.stepIndex)
    // one step may complete under several ids
    if (!state.isOneStep || state.stepIndex <= state.requested) state.stepIndex++
    state.answered = state.pending
  }
  state.completedHere = true
  state.pending = undefined
}

/**
 * The limit of pauses in a row without progress: a step may be skipped, and several in a row, but a server that only
 * pauses would get a request for each.
 */
const maxIdlePauses = 16

const unexpected = (state: Draft, reason: string, code?: ErrorCode): void => {
  state.end = { _tag: "unexpected", reason, ...known({ code }) }
}

const stepPaused = (state: Draft, event: WireEventOf<"step_paused">): void => {
  const { completedHere, pauses, requested, stepCount } = state
  const stepIndex = event.nextStepIndex ?? state.stepIndex
  if (state.places === undefined) {
    if (stepIndex <= requested) {
      return unexpected(state, `the server paused without having completed step ${requested}`)
    }
    if (stepCount !== undefined && stepIndex > stepCount) {
      return unexpected(state, `the server paused before step ${stepIndex} of a flow of ${stepCount}`)
    }
    const progress = progressOf(state)
    // a loop may complete the same step repeatedly, within the number of steps that the flow is known to have
    const hasCome = progress > pauses.progress || (completedHere && stepCount !== undefined)
    state.pauses = { progress, times: hasCome ? 0 : pauses.times + 1 }
    if (state.pauses.times >= maxIdlePauses) {
      const reason = `the server paused ${maxIdlePauses} times in a row without having completed a new step`
      return unexpected(state, reason)
    }
  }
  state.stepIndex = stepIndex
  state.mayBeOver = false
  state.again = false
  state.end = { _tag: "paused" }
}

const toolsRequired = (state: Draft, event: WireEventOf<"tool_calls_required">): void => {
  const { iterationsUsed, stepId, toolCallMessages } = event
  const toolCalls = callsOf(event.toolCalls, toolCallMessages)
  // a lower index than ours is counted from the start of this response
  if (!state.again) {
    // one step may complete under several ids before it pauses
    const counted = state.isOneStep ? state.requested : state.stepIndex
    state.stepIndex = Math.max(counted, event.stepIndex ?? 0)
  }
  const digits = digitsOf(event)
  const ofOutputs = digitsAt(digits, "accumulatedOutputs")
  for (const [id, value] of Object.entries(event.accumulatedOutputs ?? {})) {
    setResult(state, id, { value, digits: digitsAt(ofOutputs, id) })
  }
  if (state.places === undefined) {
    if (state.executionId === undefined) {
      return unexpected(state, "the run paused for tool calls without an executionId", unanswered)
    }
    if (toolCalls.length === 0) return unexpected(state, "the run paused for tool calls and names none", unanswered)
  }
  state.pending = {
    ...(typeof stepId === "string" ? { stepId } : undefined),
    iterationsUsed: iterationsUsed ?? 0,
    toolCallMessages,
    toolCalls,
    ...known({ digits: digitsAt(digits, "toolCallMessages") })
  }
  state.end = { _tag: "tools", event }
}

/** The step that failed, of a run that ends with a summary of it. */
export const failedStepIn = ({ summary }: WireEventOf<"flow_completed">): string | undefined => {
  const step = summary?.failedAtStep ?? summary?.failed_at_step
  return typeof step === "string" ? step : undefined
}

/** The reason why a run that completed has no result. */
export const noResult = "the run completed, and no event carried its result"

const flowCompleted = (state: Draft, event: WireEventOf<"flow_completed">): void => {
  const stepId = failedStepIn(event)
  if (stepId !== undefined) {
    state.end = { _tag: "failed", stepId, ...exactOf(event, "result") }
    return
  }
  const last = lastOutput(state)
  const result: KnownResult | undefined = event.result !== undefined
    ? { ...exactOf(event, "result"), from: "completed" }
    : last && { value: last.value, digits: last.digits, from: "last_step" }
  state.end = { _tag: "completed", event, result }
}

/**
 * Takes the id of the run from an event. Returns whether the event is of this run. Older servers name a run that begins
 * in `runId` alone.
 */
const isOfThisRun = (
  state: Draft,
  { executionId, runId }: {
    readonly executionId?: string | null | undefined
    readonly runId?: string | null | undefined
  }
): boolean => {
  if (state.named !== undefined) {
    if (isOfRun(state.named, executionId)) return true
    unexpected(state, otherRun(executionId))
    return false
  }
  state.named = executionId || (state.places === undefined ? runId : undefined) || undefined
  state.executionId ??= state.named
  return true
}

/** Events that change no state. */
const isInert = ({ again, end, justCompleted, kept }: RunState, { type }: WireEvent): boolean =>
  !again && end === undefined && justCompleted === undefined &&
  (type === "step_input" || type === "unknown" || (type === "step_started" && HashMap.isEmpty(kept)))

/** The state of a run after an event of it. */
export const fold = (before: RunState, event: WireEvent): RunState => {
  if (isInert(before, event)) return before
  const state = copyOf(before)
  const stepId = event.type === "unknown" ? event.data.stepId : "stepId" in event ? event.stepId : undefined
  if (state.justCompleted !== undefined && typeof stepId === "string" && stepId !== state.justCompleted) {
    state.justCompleted = undefined
    state.again = false
  }
  if (event.type !== "unknown") state.end = undefined
  switch (event.type) {
    case "run_started":
      if (!isOfThisRun(state, event)) break
      state.stepCount = event.stepCount ?? state.stepCount
      state.begun = true
      break
    case "step_started":
      state.kept = HashMap.remove(state.kept, event.stepId)
      break
    case "step_output":
      stepOutput(state, event)
      break
    case "step_completed":
      stepCompleted(state, event)
      break
    case "step_error":
      state.end = { _tag: "failed", stepId: event.stepId, ...exactOf(event, "error") }
      break
    case "step_paused":
      if (isOfThisRun(state, event)) stepPaused(state, event)
      break
    case "tool_calls_required":
      if (isOfThisRun(state, event)) toolsRequired(state, event)
      break
    case "flow_completed":
      if (isOfThisRun(state, event)) flowCompleted(state, event)
  }
  return state
}
