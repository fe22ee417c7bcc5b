/**
 * The cursor of a streamed run, while it runs. Marks of it are cheap; the value is built when asked for.
 *
 * @see contract 7.5
 * @internal
 */
import type { FirstCall, FlowCursor, PendingTools } from "../../FlowCursor.js"
import type { KnownOutput } from "./stepOutputs.js"

/**
 * A moment of a run, as its cursor.
 *
 * @internal
 */
export type Mark = () => FlowCursor

/** The output of a completed step that no event carried. */
const unknownOutput = Symbol("unknown output")

/** Outputs by step, in order of completion; of a step that completed often, the last one counts. */
interface CompletionLog {
  readonly stepIds: Array<string>
  readonly outputs: Array<unknown>
}

const logOf = (entries: Iterable<readonly [string, unknown]>): CompletionLog => {
  const log: CompletionLog = { stepIds: [], outputs: [] }
  for (const [stepId, output] of entries) {
    log.stepIds.push(stepId)
    log.outputs.push(output)
  }
  return log
}

const latest = ({ outputs, stepIds }: CompletionLog, length: number): Map<string, unknown> => {
  const map = new Map<string, unknown>()
  for (let i = 0; i < length; i++) {
    const output = outputs[i]
    if (output === unknownOutput) map.delete(stepIds[i]!)
    else map.set(stepIds[i]!, output)
  }
  return map
}

const minCompaction = 1024

/**
 * Whether every step has completed, as far as the number of steps is known.
 *
 * @internal
 */
export const isOver = (
  { stepCount, stepIndex }: { readonly stepCount?: number | undefined; readonly stepIndex: number }
): boolean => stepCount !== undefined && stepIndex > 0 && stepIndex >= stepCount

/** @internal */
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
  /** The ids of the completed steps, without those of the log from here on. */
  private readonly stepIds: Set<string>
  private counted: number
  /** Whether the last step, which has been delivered, runs once more, because the events after it were lost. */
  again = false

  /** The log of completed steps. A mark sees a prefix of it, which never changes. */
  private log: CompletionLog
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
    this.log = logOf(Object.entries(start.outputs))
    this.stepIds = new Set(this.log.stepIds)
    this.counted = this.log.stepIds.length
    if (start.lastStepId !== undefined) this.stepIds.add(start.lastStepId)
  }

  /** Notes that another step has completed. */
  complete(stepId: string, output: KnownOutput | undefined): void {
    this.completeAgain(stepId, output)
    this.stepIndex++
    this.answered = this.pending
    this.pending = undefined
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
    const { stepIds } = this.log
    for (; this.counted < stepIds.length; this.counted++) this.stepIds.add(stepIds[this.counted]!)
  }

  /** The output of the step that completed last, if it is known. */
  get lastOutput(): { readonly value: unknown } | undefined {
    const { lastStepId, log: { outputs, stepIds } } = this
    const place = lastStepId === undefined ? -1 : stepIds.lastIndexOf(lastStepId)
    const value = outputs[place]
    return place < 0 || value === unknownOutput ? undefined : { value }
  }

  add(stepId: string, output: unknown): void {
    const { outputs, stepIds } = this.log
    stepIds.push(stepId)
    outputs.push(output)
    if (stepIds.length >= this.compactAt) this.compact()
  }

  /** Shortens the log, which a step in a loop would make grow without end. */
  private compact(): void {
    const { length } = this.log.stepIds
    const map = latest(this.log, length)
    if (map.size * 2 <= length) {
      this.countSteps()
      this.log = logOf(map)
      this.counted = this.log.stepIds.length
    }
    this.compactAt = Math.max(minCompaction, map.size * 8)
  }

  /** The outputs so far, without one. */
  outputs(but?: string): { readonly [stepId: string]: unknown } {
    const map = latest(this.log, this.log.stepIds.length)
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
    const { executionId, lastStepId, log, rounds, start, stepCount, stepIndex } = this
    const pending = this.pending ?? (this.isOver ? this.answered : undefined)
    const { length } = log.stepIds
    const first = this.mayRunFirst ? this.first : undefined
    return () => ({
      version: 1,
      flow: start.flow,
      flowVersion: start.flowVersion,
      ...(executionId === undefined ? undefined : { executionId }),
      stepIndex,
      ...(stepCount === undefined ? undefined : { stepCount }),
      outputs: Object.fromEntries(latest(log, length)),
      ...(lastStepId === undefined ? undefined : { lastStepId }),
      ...(start.sessionId === undefined ? undefined : { sessionId: start.sessionId }),
      ...(pending === undefined ? undefined : { pending }),
      rounds,
      ...(first === undefined ? undefined : { first })
    })
  }
}
