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
import type { FlowCursor, PendingTools } from "../../FlowCursor.js"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { ErrorCode } from "../../NoukaiError.js"
import { known } from "../core/makeError.js"
import { isOfRun, otherRun } from "../core/runProblem.js"
import { callsOf } from "../kit/pauses.js"
import { type Digits, digitsAt, digitsIn, digitsOf } from "../kit/plainJson.js"

/** The code of a pause that a call cannot answer. */
export const unanswered: ErrorCode = "TOOL_CALLS_UNANSWERED_CLIENT"

/** A known output, and the event that carried it. */
export interface KnownOutput {
  readonly value: unknown
  readonly digits: Digits | undefined
  readonly from: "completed" | "step_output"
}

/** A known result of a run, and its origin. */
export interface KnownResult {
  readonly value: unknown
  readonly digits: Digits | undefined
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
  /** The number of completions, this one included. */
  readonly length: number
  constructor(
    readonly stepId: string,
    readonly output: unknown,
    readonly digits: Digits | undefined,
    readonly before: Completion | undefined
  ) {
    this.length = before === undefined ? 1 : before.length + 1
  }
}

/** The output of a completed step that no event carried. */
const unknownOutput = Symbol("unknown output")

/** The output of a step that has not completed, or has completed without an output of its own. */
interface KeptOutput {
  readonly stepId: string
  /** The rank of its best output since it last began or completed. */
  readonly rank: number
  readonly value: unknown
  readonly digits: Digits | undefined
  /** The rank of the output that it completed with. */
  readonly taken: number | undefined
}

/** A state of a run that a fold makes. It is a class, because V8 copies spread objects slowly. */
class Draft {
  /** The cursor that the run goes on from. */
  start: FlowCursor
  executionId: string | undefined
  /** The id by which events name the run. */
  named: string | undefined
  /** The index of the first step that has not completed, in the whole flow. */
  stepIndex: number
  stepCount: number | undefined
  pending: PendingTools | undefined
  /** The answered pause of the step that completed last. */
  answered: PendingTools | undefined
  rounds: number
  /** The step that completed last. */
  lastStepId: string | undefined
  /** The step that completed last, and those before it. */
  last: Completion | undefined
  /** Whether an event has begun the run. */
  begun: boolean
  /** Whether the last step may have completed, and the end of the run been lost. */
  mayBeOver: boolean
  /** Whether the last step, which has been delivered, runs again, because the events after it were lost. */
  again: boolean
  /** The first step of this response. */
  requested: number
  /** Whether this response runs no step after that one. */
  isOneStep: boolean
  /** Whether a step has completed in this response. */
  completedHere: boolean
  /** The step that completed last, until an event of another step: a loop may complete once per iteration. */
  justCompleted: string | undefined
  /**
   * The index of each completed step. Only in a trace, where a step that runs again keeps its index. All states of a
   * trace share it: an entry counts in the states that are past its index.
   */
  places: Map<string, number> | undefined
  /** Outputs of this response: a step that is cut off or paused runs again. */
  kept: ReadonlyArray<KeptOutput>
  /** The output of the step that the last event completed. */
  output: KnownOutput | undefined
  /** The progress of the run at the last pause, and the number of pauses since it changed. */
  pauses: { readonly progress: number; readonly times: number }
  end: RunEnd | undefined

  constructor(from: RunState) {
    this.start = from.start
    this.executionId = from.executionId
    this.named = from.named
    this.stepIndex = from.stepIndex
    this.stepCount = from.stepCount
    this.pending = from.pending
    this.answered = from.answered
    this.rounds = from.rounds
    this.lastStepId = from.lastStepId
    this.last = from.last
    this.begun = from.begun
    this.mayBeOver = from.mayBeOver
    this.again = from.again
    this.requested = from.requested
    this.isOneStep = from.isOneStep
    this.completedHere = from.completedHere
    this.justCompleted = from.justCompleted
    this.places = from.places
    this.kept = from.kept
    this.output = from.output
    this.pauses = from.pauses
    this.end = from.end
  }
}

/** The state of a run. It never changes: each event makes another. */
export type RunState = Readonly<Draft>

/** A state with other values. */
export const changed = (state: RunState, changes: Partial<RunState>): RunState =>
  Object.assign(new Draft(state), changes)

/** Whether every step has completed, as far as the number of steps is known. */
export const isOver = (
  { stepCount, stepIndex }: { readonly stepCount?: number | undefined; readonly stepIndex: number }
): boolean => stepCount !== undefined && stepIndex > 0 && stepIndex >= stepCount

/** The state of a run at a cursor. */
export const stateAt = (start: FlowCursor, mayBeOver = false): RunState => {
  const isAnswered = isOver(start) && start.pending?.toolCalls === undefined
  const { executionId, lastStepId, outputs, rounds, stepCount, stepIndex } = start
  let last: Completion | undefined
  for (const [stepId, output] of Object.entries(outputs)) {
    last = new Completion(stepId, output, digitsAt(start.digits, stepId), last)
  }
  if (lastStepId !== undefined && !Object.hasOwn(outputs, lastStepId)) {
    last = new Completion(lastStepId, unknownOutput, undefined, last)
  }
  return new Draft({
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
    begun: false,
    mayBeOver,
    again: false,
    requested: -1,
    isOneStep: false,
    completedHere: false,
    justCompleted: undefined,
    places: undefined,
    kept: [],
    output: undefined,
    pauses: { progress: outputsByStep(last).size, times: 0 },
    end: undefined
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
    kept: [],
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

/** Outputs by step, in the order in which the steps completed first. */
const outputsByStep = (last: Completion | undefined): Map<string, Completion> => {
  const completions: Array<Completion> = []
  for (let at = last; at !== undefined; at = at.before) completions.push(at)
  const outputs = new Map<string, Completion>()
  for (const completion of completions.reverse()) outputs.set(completion.stepId, completion)
  return outputs
}

/** The outputs so far, without one, and the digits of their numbers. */
export const outputsOf = ({ last }: RunState, but?: string) => {
  const known = [...outputsByStep(last).values()].filter(({ output, stepId }) =>
    output !== unknownOutput && stepId !== but
  )
  const outputs: { readonly [stepId: string]: unknown } = Object.fromEntries(
    known.map(({ output, stepId }) => [stepId, output])
  )
  return { outputs, digits: digitsIn(known.map(({ digits, stepId }) => [stepId, digits])) }
}

/** The number of different steps that have completed: running one again is not progress. */
export const progressOf = ({ last }: RunState): number => outputsByStep(last).size

/** The output of the step that completed last, if it is known. */
const lastOutput = ({ last, lastStepId }: RunState): Omit<KnownResult, "from"> | undefined => {
  let at = lastStepId === undefined ? undefined : last
  while (at !== undefined && at.stepId !== lastStepId) at = at.before
  return at === undefined || at.output === unknownOutput ? undefined : { value: at.output, digits: at.digits }
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

const minCompaction = 1024

/** The completions with one more. Replaced outputs are dropped: a step in a loop would fill the memory with them. */
const adding = (
  before: Completion | undefined,
  stepId: string,
  output: unknown,
  digits: Digits | undefined
): Completion => {
  const last = new Completion(stepId, output, digits, before)
  const { length } = last
  // only at 1,024 · 8ⁿ, since it reads them all
  if (length < minCompaction || (length & (length - 1)) !== 0 || Math.clz32(length) % 3 !== 0) return last
  const outputs = outputsByStep(last)
  if (outputs.size * 2 > length) return last
  let compact = last
  let latest: Completion | undefined
  for (const [id, { digits, output }] of outputs) compact = latest = new Completion(id, output, digits, latest)
  return compact
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

/** The input of a step; `undefined` if the event carries none. */
export const inputOf = (event: WireEventOf<"step_input">): unknown =>
  event.inputContext === undefined ? event.inputData : event.inputContext

export const digitsOfInput = (event: WireEventOf<"step_input">): Digits | undefined =>
  digitsAt(digitsOf(event), event.inputContext === undefined ? "inputData" : "inputContext")

/** The value of a partial output; `undefined` if the event carries none. */
export const partialOutputOf = (event: WireEventOf<"step_output">): unknown =>
  event.outputContext === undefined ? event.outputData : event.outputContext

export const digitsOfPartial = (event: WireEventOf<"step_output">): Digits | undefined =>
  digitsAt(digitsOf(event), event.outputContext === undefined ? "outputData" : "outputContext")

/** The number of kept outputs from which on the oldest one of a completed step is forgotten. */
const manyKept = 16

/** The kept outputs with another one of a step, or without one. */
const keeping = (kept: ReadonlyArray<KeptOutput>, stepId: string, output?: KeptOutput): ReadonlyArray<KeptOutput> => {
  const old = keptOf(kept, stepId) ??
    (output === undefined || kept.length < manyKept ? undefined : kept.find(({ taken }) => taken !== undefined))
  const next: Array<KeptOutput> = []
  for (const one of kept) if (one !== old) next.push(one)
  if (output !== undefined) next.push(output)
  return next
}

const keptOf = (kept: ReadonlyArray<KeptOutput>, stepId: string): KeptOutput | undefined => {
  for (const one of kept) if (one.stepId === stepId) return one
  return undefined
}

/** An output. One of a step that has completed replaces its output. */
const stepOutput = (state: Draft, event: WireEventOf<"step_output">): void => {
  const { stepId } = event
  const value = partialOutputOf(event)
  if (value === undefined) return
  const rank = event.outputContext === undefined ? ranks.outputData : ranks.outputContext
  const kept = keptOf(state.kept, stepId)
  const digits = digitsOfPartial(event)
  const best = kept === undefined || rank >= kept.rank ? { rank, value, digits } : kept
  const isLate = kept?.taken !== undefined && kept.taken <= rank
  const taken = isLate ? rank : kept?.taken
  if (isLate) state.last = adding(state.last, stepId, value, digits)
  const { rank: bestRank, value: bestValue } = best
  state.kept = keeping(state.kept, stepId, { stepId, rank: bestRank, value: bestValue, digits: best.digits, taken })
}

const stepCompleted = (state: Draft, event: WireEventOf<"step_completed">): void => {
  const { stepId } = event
  const kept = keptOf(state.kept, stepId)
  const output: KnownOutput | undefined = event.output !== undefined
    ? { value: event.output, digits: digitsAt(digitsOf(event), "output"), from: "completed" }
    : kept === undefined || kept.rank === ranks.none
    ? undefined
    : { value: kept.value, digits: kept.digits, from: "step_output" }
  const finished = event.output === undefined
    ? { stepId, rank: ranks.none, value: undefined, digits: undefined, taken: kept?.rank ?? ranks.none }
    : undefined
  const { again } = state
  const isRepeated = placeBefore(state, stepId) !== undefined
  state.output = output
  state.kept = keeping(state.kept, stepId, finished)
  state.justCompleted = stepId
  if (output !== undefined || !again) {
    state.last = adding(state.last, stepId, output === undefined ? unknownOutput : output.value, output?.digits)
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
  for (const [id, output] of Object.entries(event.accumulatedOutputs ?? {})) {
    state.last = adding(state.last, id, output, digitsAt(ofOutputs, id))
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
    state.end = { _tag: "failed", stepId, result: event.result }
    return
  }
  const last = event.result === undefined ? lastOutput(state) : undefined
  const result: KnownResult | undefined = event.result !== undefined
    ? { value: event.result, digits: digitsAt(digitsOf(event), "result"), from: "completed" }
    : last && { ...last, from: "last_step" }
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
  (type === "step_input" || type === "unknown" || (type === "step_started" && kept.length === 0))

/** The state of a run after an event of it. */
export const fold = (before: RunState, event: WireEvent): RunState => {
  if (isInert(before, event)) return before
  const state = new Draft(before)
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
      state.kept = keeping(state.kept, event.stepId)
      break
    case "step_output":
      stepOutput(state, event)
      break
    case "step_completed":
      stepCompleted(state, event)
      break
    case "step_error":
      state.end = { _tag: "failed", stepId: event.stepId, result: event.error }
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
