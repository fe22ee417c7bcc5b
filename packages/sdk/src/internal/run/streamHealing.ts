/** The decision whether a run goes on after a response that broke off, and when. */
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { CallError, NoukaiError } from "../../NoukaiError.js"
import { backoffDriver, mayPassSoon } from "../retry/retry.js"
import type { StreamCursor } from "./streamCursor.js"

/**
 * Tells the events of a step that runs again after a cut from those that were delivered before it: as many of each kind
 * and step as were delivered are repetitions.
 */
export class RepeatedEvents {
  private readonly delivered = new Map<string, number>()
  private readonly seen = new Map<string, number>()

  /** Begins another response. */
  begin(): void {
    this.seen.clear()
  }

  /** Forgets the events of a step that completed: later ones are of another step, or of another attempt. */
  forget(): void {
    this.delivered.clear()
    this.seen.clear()
  }

  isNew(type: string, stepId: string): boolean {
    const key = `${type} ${stepId}`
    const count = (this.seen.get(key) ?? 0) + 1
    this.seen.set(key, count)
    if (count <= (this.delivered.get(key) ?? 0)) return false
    this.delivered.set(key, count)
    return true
  }
}

/** Whether a stream that broke off, or was refused, may go on within the longest wait of a call. */
export const canHeal = (error: CallError): boolean =>
  mayPassSoon(error) || (error._tag === "APITimeoutError" && error.clock === "idle")

const gaveUp = Effect.as(Effect.void, undefined)

/**
 * Whether the server refuses the step of a request because the last one has completed. A request with the answer to a
 * tool call is for a step that has not completed.
 */
export const isBeyondLastStep = (error: CallError, cursor: StreamCursor): boolean =>
  error._tag === "FlowExecutionError" && error.code === "INVALID_STEP_INDEX" &&
  cursor.stepIndex > 0 && cursor.pending === undefined && cursor.mayBeOver && !cursor.again

export class StreamHealing {
  private delay: ((error: NoukaiError) => Effect.Effect<number | undefined>) | undefined
  /** The progress of the run when the schedule began. */
  private since = -1

  constructor(
    private readonly schedule: Schedule.Schedule<unknown, NoukaiError> | undefined,
    private readonly cursor: StreamCursor
  ) {}

  /**
   * The milliseconds to wait; `undefined` when the stream fails. The schedule begins anew only when the run has made
   * progress: the events of a step that is cut off each time do not count, since it may be billed each time.
   */
  delayAfter(error: CallError): Effect.Effect<number | undefined> {
    const { cursor, schedule } = this
    if (schedule === undefined || cursor.executionId === undefined || !canHeal(error)) return gaveUp
    const reached = cursor.progress + cursor.rounds
    if (this.delay === undefined || reached > this.since) {
      this.delay = backoffDriver(schedule)
      this.since = reached
    }
    return this.delay(error)
  }
}
