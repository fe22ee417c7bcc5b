/** The executions of a run's steps, as traces and sessions show them. */
import { Segments } from "./segments.js"
import type { Snapshot } from "./snapshots.js"

/** One execution of a step. */
export interface StepRecord {
  readonly stepId: string
  readonly attempt: number
  readonly loopIndex: number | undefined
  status: "running" | "completed" | "failed"
  readonly startedAt: number
  completedAt: number | undefined
  /** ms for which it has been at work. */
  busyMs: number
  /** The instant at which it began to wait for tool results, while it waits. */
  pausedAt: number | undefined
  /** ms for which it has waited for tool results. */
  waitingMs: number
  readonly model: string | undefined
  tokens: { readonly prompt: number; readonly completion: number; readonly total: number } | undefined
  costUsd: string | undefined
  readonly input: Snapshot
  output: Snapshot | undefined
  /** The output together with its prompt, if the step has one. */
  prompted: Snapshot | undefined
  error: { readonly code: string; readonly message: string } | undefined
}

/** ms from the beginning of an execution to its end, its waits for tool results included. */
export const durationOf = ({ completedAt, startedAt }: StepRecord): number | undefined =>
  completedAt === undefined ? undefined : completedAt - startedAt

/** The least rounds of loops that a run keeps; it keeps at most twice as many. */
const keptRounds = 25_000

/** Shared by all logs without records, and never added to. */
const none: Array<StepRecord> = []

const placeOf = (stepId: string, loopIndex: number | undefined): string => `${loopIndex ?? ""}/${stepId}`

export class StepLog {
  private readonly segments = new Segments<StepRecord>(({ stepId }) => stepId)
  private live: Array<StepRecord> = none
  /** The records that are running: a loop and a step in it, or a step that waits for tool results. */
  private running: ReadonlyArray<StepRecord> = none
  /** The number of executions of each step, per round of a loop. */
  private attempts: Map<string, number> | undefined

  /** Continues an execution that waits for tool results, or begins the next one. */
  begin(
    stepId: string,
    loopIndex: number | undefined,
    make: (attempt: number) => StepRecord
  ): StepRecord {
    this.running = this.running.filter(({ status }) => status === "running")
    const paused = this.running.find((record) => record.stepId === stepId && record.loopIndex === loopIndex)
    if (paused !== undefined) return paused
    this.attempts ??= new Map(this.list().map((record) => [placeOf(record.stepId, record.loopIndex), record.attempt]))
    const place = placeOf(stepId, loopIndex)
    const attempt = (this.attempts.get(place) ?? 0) + 1
    const record = make(attempt)
    this.attempts.set(place, attempt)
    if (this.live === none) this.live = [record]
    else this.live.push(record)
    this.running = [...this.running, record]
    if (this.live.length > keptRounds * 2) this.forgetRounds()
    return record
  }

  /** The records, in the order in which they began. */
  list(): ReadonlyArray<StepRecord> {
    return [...this.segments.from(0), ...this.live]
  }

  /** Closes the segment of the records unless one is running, and returns the bytes of all as JSON. */
  rest(hasEnded: boolean): number {
    if (this.live.every(({ status }) => status !== "running")) {
      const again = this.live.some(({ attempt }) => attempt > 1)
      this.segments.add(this.live)
      this.live = none
      this.running = none
      // steps of an ended run that run again may do so many times
      if (hasEnded && !again) this.attempts = undefined
    }
    return this.segments.bytes + this.live.length * 512
  }

  private forgetRounds(): void {
    let left = this.live.length - keptRounds
    this.live = this.live.filter(({ loopIndex, status, stepId }) => {
      if (left <= 0 || loopIndex === undefined || status === "running") return true
      left--
      this.attempts?.delete(placeOf(stepId, loopIndex))
      return false
    })
  }
}
