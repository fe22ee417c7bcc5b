/**
 * The cursor of a streamed run, while it runs. Marks of it are cheap; the value is built when asked for.
 *
 * @see contract 7.5
 */
import type { FirstCall, FlowCursor, PendingTools } from "../../FlowCursor.js"
import type { WireEventOf } from "../../FlowEvent.js"
import type { KnownOutput } from "./stepOutputs.js"
import type { ToolCall } from "./tool.js"
import { callsOf } from "./toolRound.js"

/** A moment of a run, as its cursor. */
export type Mark = () => FlowCursor

/** The output of a completed step that no event carried. */
const unknownOutput = Symbol("unknown output")

/**
 * A step that has completed, after those before it. Of a step that completed often, the last output counts.
 *
 * V8 keeps what old objects refer to, dead ones among them, until its next full collection. A long array is an old
 * object, and so are object literals of which most live for long; these are neither.
 */
class Completion {
  constructor(
    readonly stepId: string,
    readonly output: unknown,
    readonly before: Completion | undefined
  ) {}
}

const completionsOf = (entries: Iterable<readonly [string, unknown]>): Completion | undefined => {
  let last: Completion | undefined
  for (const [stepId, output] of entries) last = new Completion(stepId, output, last)
  return last
}

/** Outputs by step, in the order in which the steps completed first. */
const latest = (last: Completion | undefined): Map<string, unknown> => {
  const completions: Array<Completion> = []
  for (let at = last; at !== undefined; at = at.before) completions.push(at)
  const map = new Map<string, unknown>()
  for (let i = completions.length - 1; i >= 0; i--) {
    const { output, stepId } = completions[i]!
    if (output === unknownOutput) map.delete(stepId)
    else map.set(stepId, output)
  }
  return map
}

const minCompaction = 1024

/** Whether every step has completed, as far as the number of steps is known. */
export const isOver = (
  { stepCount, stepIndex }: { readonly stepCount?: number | undefined; readonly stepIndex: number }
): boolean => stepCount !== undefined && stepIndex > 0 && stepIndex >= stepCount

export class StreamCursor {
  executionId: string | undefined
  /** The index of the first step that has not completed, in the whole flow. */
  stepIndex: number
  stepCount: number | undefined
  pending: PendingTools | undefined
  /** The answered pause of the step that completed last. */
  answered: PendingTools | undefined
  rounds: number
  readonly first: FirstCall | undefined
  /** The step that completed last. */
  lastStepId: string | undefined
  /** The ids of the completed steps up to `counted`. */
  private readonly stepIds: Set<string>
  private counted: Completion | undefined
  /** Whether the last step, which has been delivered, runs once more, because the events after it were lost. */
  again = false

  /** The step that completed last, and those before it: a mark holds one, which never changes. */
  private last: Completion | undefined
  /** The number of completions that it holds. */
  length: number
  private compactAt = minCompaction

  /** `mayBeOver`: the last step may have completed, and the end of the run been lost. */
  constructor(private readonly start: FlowCursor, public mayBeOver = false) {
    this.executionId = start.executionId
    this.stepIndex = start.stepIndex
    this.stepCount = start.stepCount
    if (this.isOver && start.pending?.toolCalls === undefined) this.answered = start.pending
    else this.pending = start.pending
    this.rounds = start.rounds
    this.first = start.first
    this.lastStepId = start.lastStepId
    const outputs = Object.entries(start.outputs)
    this.last = completionsOf(outputs)
    this.length = outputs.length
    this.stepIds = new Set(Object.keys(start.outputs))
    this.counted = this.last
    if (start.lastStepId !== undefined) this.stepIds.add(start.lastStepId)
  }

  /** Notes that another step has completed. */
  complete(stepId: string, output: KnownOutput | undefined): void {
    this.completeAgain(stepId, output)
    this.stepIndex++
    this.answered = this.pending
    this.pending = undefined
  }

  /** Notes that the run waits for tool calls, and returns them. */
  pause(event: WireEventOf<"tool_calls_required">): ReadonlyArray<ToolCall> {
    const toolCalls = callsOf(event.toolCalls, event.toolCallMessages)
    for (const [stepId, output] of Object.entries(event.accumulatedOutputs ?? {})) this.add(stepId, output)
    // a lower index than ours is counted from the start of this response
    if (!this.again) this.stepIndex = Math.max(this.stepIndex, event.stepIndex ?? 0)
    this.pending = {
      ...(typeof event.stepId === "string" ? { stepId: event.stepId } : undefined),
      iterationsUsed: event.iterationsUsed,
      toolCallMessages: event.toolCallMessages,
      toolCalls
    }
    return toolCalls
  }

  /** Keeps the answer to a pause; that of a step that completed before and runs again is kept apart. */
  answer(pending: PendingTools): void {
    this.pending = this.isOver ? undefined : pending
    this.answered = this.isOver ? pending : this.answered
  }

  /** Notes that a step has completed once more: the last one, or one that ran again. */
  completeAgain(stepId: string, output: KnownOutput | undefined): void {
    this.add(stepId, output === undefined ? unknownOutput : output.value)
    this.lastStepId = stepId
  }

  /** The number of different steps that have completed: running one again is no progress. */
  get progress(): number {
    this.countSteps()
    return this.stepIds.size
  }

  private countSteps(): void {
    for (let at = this.last; at !== this.counted; at = at!.before) this.stepIds.add(at!.stepId)
    this.counted = this.last
  }

  /** The output of the step that completed last, if it is known. */
  get lastOutput(): { readonly value: unknown } | undefined {
    let at = this.lastStepId === undefined ? undefined : this.last
    while (at !== undefined && at.stepId !== this.lastStepId) at = at.before
    return at === undefined || at.output === unknownOutput ? undefined : { value: at.output }
  }

  add(stepId: string, output: unknown): void {
    this.last = new Completion(stepId, output, this.last)
    this.length++
    if (this.length >= this.compactAt) this.compact()
  }

  /**
   * Forgets replaced outputs, with which a step in a loop would fill the memory. The steps are counted without the
   * outputs, since a long map is an old object, too.
   */
  private compact(): void {
    const steps = new Set<string>()
    for (let at = this.last; at !== undefined; at = at.before) steps.add(at.stepId)
    if (steps.size * 2 <= this.length) {
      this.countSteps()
      const outputs = latest(this.last)
      this.last = completionsOf(outputs)
      this.length = outputs.size
      this.counted = this.last
    }
    this.compactAt = Math.max(minCompaction, steps.size * 8)
  }

  /** Lets go of the outputs: no mark is made any more. Streams are kept by V8 for longer than they are read. */
  release(): void {
    this.last = undefined
    this.counted = undefined
  }

  /** The outputs so far, without one. */
  outputs(but?: string): { readonly [stepId: string]: unknown } {
    const map = latest(this.last)
    if (but !== undefined) map.delete(but)
    return Object.fromEntries(map)
  }

  /** The step that the next request runs. */
  get stepToRun(): number {
    return this.again ? this.stepIndex - 1 : this.stepIndex
  }

  get isOver(): boolean {
    return isOver(this)
  }

  /** Whether the input of the first request may be needed again. */
  private get mayRunFirst(): boolean {
    return this.stepIndex === 0 || (this.stepIndex === 1 && (this.stepCount ?? 1) <= 1)
  }

  mark(): Mark {
    const { executionId, last, lastStepId, rounds, start, stepCount, stepIndex } = this
    const pending = this.pending ?? (this.isOver ? this.answered : undefined)
    const first = this.mayRunFirst ? this.first : undefined
    return () => ({
      version: 1,
      flow: start.flow,
      flowVersion: start.flowVersion,
      ...(executionId === undefined ? undefined : { executionId }),
      stepIndex,
      ...(stepCount === undefined ? undefined : { stepCount }),
      outputs: Object.fromEntries(latest(last)),
      ...(lastStepId === undefined ? undefined : { lastStepId }),
      ...(start.sessionId === undefined ? undefined : { sessionId: start.sessionId }),
      ...(pending === undefined ? undefined : { pending }),
      rounds,
      ...(first === undefined ? undefined : { first })
    })
  }
}
