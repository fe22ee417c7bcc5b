/**
 * Interprets the events of a run. One pure fold serves responses, stored traces and replays: from the state of a run and
 * its next event, it computes the state after the event.
 *
 * @see contract 7.3–7.8, 9.3
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { FlowCursor, PendingTools } from "../../FlowCursor.js"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { ErrorCode } from "../../NoukaiError.js"
import { isOfRun, otherRun } from "../core/runProblem.js"
import { unanswered } from "./toolAnswering.js"
import { callsOf } from "./toolRound.js"

/** A known output, and the event that carried it. */
export interface KnownOutput {
  readonly value: unknown
  readonly from: "completed" | "step_output"
}

/** A known result of a run, and its origin. */
export interface KnownResult {
  readonly value: unknown
  readonly from: "completed" | "last_step"
}

/** The end of a response, or a pause of the run, at the last event. */
export type RunEnd =
  | { readonly _tag: "paused" }
  | { readonly _tag: "tools"; readonly event: WireEventOf<"tool_calls_required"> }
  | { readonly _tag: "failed"; readonly stepId: string; readonly result: unknown }
  | {
    readonly _tag: "completed"
    readonly event: WireEventOf<"flow_completed">
    readonly result: KnownResult | undefined
  }
  /** The event does not fit the run. */
  | { readonly _tag: "unexpected"; readonly reason: string; readonly code?: ErrorCode }

/**
 * A step that has completed, after those before it. Of a step that completed several times, the last output counts.
 *
 * V8 keeps the objects that old objects refer to until its next full collection, even if the old ones are dead. A long
 * array is an old object, and so are object literals that mostly live long. Instances of a class are not.
 */
class Completion {
  constructor(
    readonly stepId: string,
    readonly output: unknown,
    readonly before: Completion | undefined
  ) {}
}

/** The output of a completed step that no event carried. */
const unknownOutput = Symbol("unknown output")

/** The output of a step that has not completed, or has completed without an output of its own. */
interface KeptOutput {
  readonly stepId: string
  /** The rank of its best output since it last began or completed. */
  readonly rank: number
  readonly value: unknown
  /** The rank of the output that it completed with. */
  readonly taken: number | undefined
}

/** The state of a run. It never changes: each event makes another. */
export interface RunState {
  /** The cursor that the run goes on from. */
  readonly start: FlowCursor
  readonly executionId: string | undefined
  /** The id by which events name the run. */
  readonly named: string | undefined
  /** The index of the first step that has not completed, in the whole flow. */
  readonly stepIndex: number
  readonly stepCount: number | undefined
  readonly pending: PendingTools | undefined
  /** The answered pause of the step that completed last. */
  readonly answered: PendingTools | undefined
  readonly rounds: number
  /** The step that completed last. */
  readonly lastStepId: string | undefined
  /** The step that completed last, and those before it. */
  readonly last: Completion | undefined
  /** The number of completions that it holds, and that at which replaced outputs are dropped. */
  readonly length: number
  readonly compactAt: number
  /** Whether an event has begun the run. */
  readonly begun: boolean
  /** Whether the last step may have completed, and the end of the run been lost. */
  readonly mayBeOver: boolean
  /** Whether the last step, which has been delivered, runs again, because the events after it were lost. */
  readonly again: boolean
  /** The first step of this response. */
  readonly requested: number
  /** Whether a step has completed in this response. */
  readonly completedHere: boolean
  /** The step that completed last, until an event of another step: a loop may complete once per iteration. */
  readonly justCompleted: string | undefined
  /** The index of each completed step. Only in a trace, where a step that runs again keeps its index. */
  readonly places: HashMap.HashMap<string, number> | undefined
  /** Outputs of this response: a step that is cut off or paused runs again. */
  readonly kept: ReadonlyArray<KeptOutput>
  /** The output of the step that the last event completed. */
  readonly output: KnownOutput | undefined
  /** The progress of the run at the last pause, and the number of pauses since it changed. */
  readonly pauses: { readonly progress: number; readonly times: number }
  readonly end: RunEnd | undefined
}

/** Whether every step has completed, as far as the number of steps is known. */
export const isOver = (
  { stepCount, stepIndex }: { readonly stepCount?: number | undefined; readonly stepIndex: number }
): boolean => stepCount !== undefined && stepIndex > 0 && stepIndex >= stepCount

const minCompaction = 1024

/** The state of a run at a cursor. */
export const stateAt = (start: FlowCursor, mayBeOver = false): RunState => {
  const isAnswered = isOver(start) && start.pending?.toolCalls === undefined
  const { executionId, lastStepId, outputs, rounds, stepCount, stepIndex } = start
  let last: Completion | undefined
  for (const [stepId, output] of Object.entries(outputs)) last = new Completion(stepId, output, last)
  if (lastStepId !== undefined && !Object.hasOwn(outputs, lastStepId)) {
    last = new Completion(lastStepId, unknownOutput, last)
  }
  return {
    start,
    executionId,
    named: executionId,
    stepIndex,
    stepCount,
    pending: isAnswered ? undefined : start.pending,
    answered: isAnswered ? start.pending : undefined,
    rounds,
    lastStepId,
    last,
    length: Object.keys(outputs).length,
    compactAt: minCompaction,
    begun: false,
    mayBeOver,
    again: false,
    requested: -1,
    completedHere: false,
    justCompleted: undefined,
    places: undefined,
    kept: [],
    output: undefined,
    pauses: { progress: outputsByStep(last).size, times: 0 },
    end: undefined
  }
}

/** The state of a run before its first stored event. `named`: the id of the run in the events, if it is known. */
export const traceState = (flow: string, executionId: string, named: string | undefined): RunState => ({
  ...stateAt({ version: 1, flow, flowVersion: "production", executionId, stepIndex: 0, outputs: {}, rounds: 0 }),
  named,
  places: HashMap.empty()
})

/** The state at the begin of another response. */
export const begin = (state: RunState): RunState => ({
  ...state,
  requested: stepToRun(state),
  completedHere: false,
  justCompleted: undefined,
  kept: [],
  end: undefined
})

/** Keeps the answer to a pause. The answer of a step that completed before and runs again is kept apart. */
export const answered = (state: RunState, pending: PendingTools): RunState => ({
  ...state,
  rounds: state.rounds + 1,
  pending: isOver(state) ? undefined : pending,
  answered: isOver(state) ? pending : state.answered
})

/** The step that the next request runs. */
export const stepToRun = ({ again, stepIndex }: RunState): number => again ? stepIndex - 1 : stepIndex

/** Outputs by step, in the order in which the steps completed first. */
const outputsByStep = (last: Completion | undefined): Map<string, unknown> => {
  const completions: Array<Completion> = []
  for (let at = last; at !== undefined; at = at.before) completions.push(at)
  return new Map(completions.reverse().map(({ output, stepId }) => [stepId, output]))
}

/** The outputs so far, without one. */
export const outputsOf = ({ last }: RunState, but?: string): { readonly [stepId: string]: unknown } =>
  Object.fromEntries(
    [...outputsByStep(last)].filter(([stepId, output]) => output !== unknownOutput && stepId !== but)
  )

/** The number of different steps that have completed: running one again is no progress. */
export const progressOf = ({ last }: RunState): number => outputsByStep(last).size

/** The output of the step that completed last, if it is known. */
const lastOutput = ({ last, lastStepId }: RunState): { readonly value: unknown } | undefined => {
  let at = lastStepId === undefined ? undefined : last
  while (at !== undefined && at.stepId !== lastStepId) at = at.before
  return at === undefined || at.output === unknownOutput ? undefined : { value: at.output }
}

/** The place of the run, as a value for callers. */
export const cursorAt = (state: RunState): FlowCursor => {
  const { executionId, lastStepId, rounds, start, stepCount, stepIndex } = state
  const pending = state.pending ?? (isOver(state) ? state.answered : undefined)
  // the input of the first request may be needed again
  const first = stepIndex === 0 || (stepIndex === 1 && (stepCount ?? 1) <= 1) ? start.first : undefined
  return {
    version: 1,
    flow: start.flow,
    flowVersion: start.flowVersion,
    ...(executionId === undefined ? undefined : { executionId }),
    stepIndex,
    ...(stepCount === undefined ? undefined : { stepCount }),
    outputs: outputsOf(state),
    ...(lastStepId === undefined ? undefined : { lastStepId }),
    ...(start.sessionId === undefined ? undefined : { sessionId: start.sessionId }),
    ...(pending === undefined ? undefined : { pending }),
    rounds,
    ...(first === undefined ? undefined : { first })
  }
}

/** The completions with one more. Replaced outputs are dropped: a step in a loop would fill the memory with them. */
const adding = (
  { compactAt, last, length }: RunState,
  stepId: string,
  output: unknown
): Pick<RunState, "last" | "length" | "compactAt"> => {
  const added = { last: new Completion(stepId, output, last), length: length + 1, compactAt }
  if (added.length < compactAt) return added
  const outputs = outputsByStep(added.last)
  const next = { ...added, compactAt: Math.max(minCompaction, outputs.size * 8) }
  if (outputs.size * 2 > added.length) return next
  let compact: Completion | undefined
  for (const [id, value] of outputs) compact = new Completion(id, value, compact)
  return { ...next, last: compact, length: outputs.size }
}

/** The index of a step in the flow. A step that has just completed begins again, in a loop. */
export const placeOf = (state: RunState, stepId: string): number => {
  const { justCompleted, places, stepIndex } = state
  return places === undefined
    ? justCompleted === stepId ? stepIndex - 1 : stepIndex
    : Option.getOrElse(HashMap.get(places, stepId), () => stepIndex)
}

/** The rank of an output: one of a higher rank is not replaced by one of a lower rank. */
const ranks = { none: 0, outputData: 1, outputContext: 2 } as const

/** The input of a step; `undefined` if the event carries none. */
export const inputOf = (event: WireEventOf<"step_input">): unknown =>
  event.inputContext === undefined ? event.inputData : event.inputContext

/** The value of a partial output; `undefined` if the event carries none. */
export const partialOutputOf = (event: WireEventOf<"step_output">): unknown =>
  event.outputContext === undefined ? event.outputData : event.outputContext

/** The number of completed steps whose output may still arrive. Earlier ones are forgotten. */
const maxFinished = 16

/** The kept outputs with another one of a step, or without one. */
const keeping = (kept: ReadonlyArray<KeptOutput>, stepId: string, output?: KeptOutput): ReadonlyArray<KeptOutput> => {
  if (kept.length === 0) return output === undefined ? kept : [output]
  const others = kept.filter((other) => other.stepId !== stepId)
  if (output === undefined) return others
  const finished = others.length < maxFinished ? [] : others.filter(({ taken }) => taken !== undefined)
  const forgotten = finished.length < maxFinished ? undefined : finished[0]
  return [...(forgotten === undefined ? others : others.filter((other) => other !== forgotten)), output]
}

const keptOf = ({ kept }: RunState, stepId: string): KeptOutput | undefined =>
  kept.findLast((one) => one.stepId === stepId)

/** The state after an output: one of a step that has completed replaces its output. */
const stepOutput = (state: RunState, event: WireEventOf<"step_output">): RunState => {
  const { stepId } = event
  const value = partialOutputOf(event)
  if (value === undefined) return state
  const rank = event.outputContext === undefined ? ranks.outputData : ranks.outputContext
  const kept = keptOf(state, stepId)
  const best = kept === undefined || rank >= kept.rank ? { rank, value } : kept
  const isLate = kept?.taken !== undefined && kept.taken <= rank
  const taken = isLate ? rank : kept?.taken
  return {
    ...state,
    ...(isLate ? adding(state, stepId, value) : undefined),
    kept: keeping(state.kept, stepId, { stepId, rank: best.rank, value: best.value, taken })
  }
}

const stepCompleted = (state: RunState, event: WireEventOf<"step_completed">): RunState => {
  const { stepId } = event
  const kept = keptOf(state, stepId)
  const output: KnownOutput | undefined = event.output !== undefined
    ? { value: event.output, from: "completed" }
    : kept === undefined || kept.rank === ranks.none
    ? undefined
    : { value: kept.value, from: "step_output" }
  const finished = event.output === undefined
    ? { stepId, rank: ranks.none, value: undefined, taken: kept?.rank ?? ranks.none }
    : undefined
  const completed = {
    ...state,
    output,
    kept: keeping(state.kept, stepId, finished),
    justCompleted: stepId
  }
  if (state.again && output === undefined) return completed
  const added = {
    ...completed,
    ...adding(state, stepId, output === undefined ? unknownOutput : output.value),
    lastStepId: stepId
  }
  if (state.again) return added
  const place = placeOf(state, stepId)
  const isRepeated = state.places === undefined ? state.justCompleted === stepId : HashMap.has(state.places, stepId)
  return {
    ...added,
    completedHere: true,
    pending: undefined,
    ...(isRepeated ? undefined : {
      stepIndex: state.stepIndex + 1,
      answered: state.pending,
      places: state.places && HashMap.set(state.places, stepId, place)
    })
  }
}

/**
 * The limit of pauses in a row without progress: a step may be skipped, and several in a row, but a server that only
 * pauses would get a request for each.
 */
const maxIdlePauses = 16

const unexpected = (state: RunState, reason: string, code?: ErrorCode): RunState => ({
  ...state,
  end: { _tag: "unexpected", reason, ...(code === undefined ? undefined : { code }) }
})

const stepPaused = (state: RunState, event: WireEventOf<"step_paused">): RunState => {
  const { completedHere, requested, stepCount } = state
  const stepIndex = event.nextStepIndex ?? state.stepIndex
  const paused: RunState = { ...state, stepIndex, mayBeOver: false, again: false, end: { _tag: "paused" } }
  if (state.places !== undefined) return paused
  if (stepIndex <= requested) {
    return unexpected(state, `the server paused without having completed step ${requested}`)
  }
  if (stepCount !== undefined && stepIndex > stepCount) {
    return unexpected(state, `the server paused before step ${stepIndex} of a flow of ${stepCount}`)
  }
  const progress = progressOf(state)
  // a loop may complete the same step repeatedly, within the number of steps that the flow is known to have
  const hasCome = progress > state.pauses.progress || (completedHere && stepCount !== undefined)
  const times = hasCome ? 0 : state.pauses.times + 1
  return times >= maxIdlePauses
    ? unexpected(state, `the server paused ${maxIdlePauses} times in a row without having completed a new step`)
    : { ...paused, pauses: { progress, times } }
}

const toolsRequired = (state: RunState, event: WireEventOf<"tool_calls_required">): RunState => {
  const toolCalls = callsOf(event.toolCalls, event.toolCallMessages)
  let paused: RunState = {
    ...state,
    // a lower index than ours is counted from the start of this response
    stepIndex: state.again ? state.stepIndex : Math.max(state.stepIndex, event.stepIndex ?? 0)
  }
  for (const [stepId, output] of Object.entries(event.accumulatedOutputs ?? {})) {
    paused = { ...paused, ...adding(paused, stepId, output) }
  }
  if (toolCalls.length === 0 && state.places === undefined) {
    return unexpected(paused, "the run paused for tool calls and names none", unanswered)
  }
  const pending = {
    ...(typeof event.stepId === "string" ? { stepId: event.stepId } : undefined),
    iterationsUsed: event.iterationsUsed,
    toolCallMessages: event.toolCallMessages,
    toolCalls
  }
  return { ...paused, pending, end: { _tag: "tools", event } }
}

/** The step that failed, of a run that ends with a summary of it. */
export const failedStepIn = ({ summary }: WireEventOf<"flow_completed">): string | undefined => {
  const step = summary?.failedAtStep ?? summary?.failed_at_step
  return typeof step === "string" ? step : undefined
}

/** The reason why a run that completed has no result. */
export const noResult = "the run completed, and no event carried its result"

const flowCompleted = (state: RunState, event: WireEventOf<"flow_completed">): RunState => {
  const { result } = event
  const stepId = failedStepIn(event)
  if (stepId !== undefined) return { ...state, end: { _tag: "failed", stepId, result } }
  const last = result === undefined ? lastOutput(state) : undefined
  const known: KnownResult | undefined = result !== undefined
    ? { value: result, from: "completed" }
    : last && { value: last.value, from: "last_step" }
  return { ...state, end: { _tag: "completed", event, result: known } }
}

type NamingEvent = WireEventOf<"run_started" | "step_paused" | "tool_calls_required" | "flow_completed">

const namesRun = (event: WireEvent): event is NamingEvent =>
  event.type === "run_started" || event.type === "step_paused" || event.type === "tool_calls_required" ||
  event.type === "flow_completed"

/**
 * The state with the id of its run. Events of another run are refused. Older servers name a run that begins in `runId`
 * alone.
 */
const naming = (state: RunState, event: NamingEvent): RunState => {
  const { named } = state
  if (named !== undefined) {
    return isOfRun(named, event.executionId) ? state : unexpected(state, otherRun(event.executionId))
  }
  const runId = "runId" in event && state.places === undefined ? event.runId : undefined
  const id = event.executionId || runId || undefined
  return id === undefined ? state : { ...state, named: id, executionId: state.executionId ?? id }
}

/** The state of a run after an event of it. */
export const fold = (before: RunState, event: WireEvent): RunState => {
  if (event.type === "unknown") return leaving(before, event.data.stepId)
  const open = before.end === undefined ? before : { ...before, end: undefined }
  if (!namesRun(event)) return ofStep(leaving(open, event.stepId), event)
  const state = naming(leaving(open, "stepId" in event ? event.stepId : undefined), event)
  if (state.end !== undefined) return state
  switch (event.type) {
    case "run_started":
      return { ...state, stepCount: event.stepCount ?? state.stepCount, begun: true }
    case "step_paused":
      return stepPaused(state, event)
    case "tool_calls_required":
      return toolsRequired(state, event)
    case "flow_completed":
      return flowCompleted(state, event)
  }
}

const ofStep = (state: RunState, event: Exclude<WireEvent, NamingEvent | WireEventOf<"unknown">>): RunState => {
  switch (event.type) {
    case "step_input":
      return state
    case "step_started":
      return state.kept.length === 0 ? state : { ...state, kept: keeping(state.kept, event.stepId) }
    case "step_output":
      return stepOutput(state, event)
    case "step_completed":
      return stepCompleted(state, event)
    case "step_error":
      return { ...state, end: { _tag: "failed", stepId: event.stepId, result: event.error } }
  }
}

/** The state at an event of a step, which may be another than the one that has just completed. */
const leaving = (state: RunState, stepId: unknown): RunState =>
  state.justCompleted === undefined || typeof stepId !== "string" || stepId === state.justCompleted
    ? state
    : { ...state, justCompleted: undefined, again: false }
