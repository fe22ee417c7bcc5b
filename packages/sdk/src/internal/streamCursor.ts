/**
 * Where a streamed run stands (contract 7.5), while it runs. Marks of it are cheap; the value is built when asked for.
 *
 * @internal
 */
import type { FirstCall, FlowCursor, PendingTools } from "../FlowCursor.js"

type Output = readonly [stepId: string, output: unknown]

/**
 * A moment of a run.
 *
 * @internal
 */
export type Mark = () => FlowCursor

const compactAbove = 64

/** @internal */
export class StreamCursor {
  executionId: string | undefined
  /** The step that the next request runs; flow-absolute. */
  stepIndex: number
  stepCount: number | undefined
  pending: PendingTools | undefined
  /** The answer with which the step went on that completed last. */
  answered: PendingTools | undefined
  rounds: number
  readonly first: FirstCall | undefined
  /** The step that completed last in this process. */
  lastStepId: string | undefined

  private readonly latest: Map<string, unknown>
  /** Every output in order; what a mark sees is the beginning of it, which never changes. */
  private log: Array<Output>

  constructor(private readonly start: FlowCursor) {
    this.executionId = start.executionId
    this.stepIndex = start.stepIndex
    this.stepCount = start.stepCount
    if (this.isOver && start.pending?.toolCalls === undefined) this.answered = start.pending
    else this.pending = start.pending
    this.rounds = start.rounds
    this.first = start.first
    this.log = Object.entries(start.outputs)
    this.latest = new Map(this.log)
  }

  complete(stepId: string, output: unknown): void {
    this.add(stepId, output)
    this.lastStepId = stepId
    this.stepIndex++
    this.answered = this.pending
    this.pending = undefined
  }

  /** Takes the answer to a pause; of a step that runs again, once it has completed, it is kept apart. */
  answer(pending: PendingTools): void {
    this.pending = this.isOver ? undefined : pending
    this.answered = this.isOver ? pending : this.answered
  }

  add(stepId: string, output: unknown): void {
    this.latest.set(stepId, output)
    this.log.push([stepId, output])
    // A step in a loop completes often, and only its last output counts.
    if (this.log.length > compactAbove && this.log.length > 2 * this.latest.size) this.log = [...this.latest]
  }

  /** The outputs so far, but for one. */
  outputs(but?: string): { readonly [stepId: string]: unknown } {
    return Object.fromEntries(but === undefined ? this.latest : [...this.latest].filter(([stepId]) => stepId !== but))
  }

  /** Whether every step has completed, as far as is known. */
  get isOver(): boolean {
    return this.stepCount !== undefined && this.stepIndex >= this.stepCount
  }

  /** Whether what the first request carried may be needed again. */
  private get mayRunFirst(): boolean {
    return this.stepIndex === 0 || (this.stepIndex === 1 && (this.stepCount ?? 1) <= 1)
  }

  mark(): Mark {
    const { executionId, log, rounds, start, stepCount, stepIndex } = this
    const pending = this.pending ?? (this.isOver ? this.answered : undefined)
    const { length } = log
    const first = this.mayRunFirst ? this.first : undefined
    return () => ({
      version: 1,
      flow: start.flow,
      flowVersion: start.flowVersion,
      ...(executionId === undefined ? undefined : { executionId }),
      stepIndex,
      ...(stepCount === undefined ? undefined : { stepCount }),
      outputs: Object.fromEntries(log.slice(0, length)),
      ...(start.sessionId === undefined ? undefined : { sessionId: start.sessionId }),
      ...(pending === undefined ? undefined : { pending }),
      rounds,
      ...(first === undefined ? undefined : { first })
    })
  }
}
