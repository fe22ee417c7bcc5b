/**
 * Whether a run goes on after a response that broke off, and when.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { CallError, NoukaiError } from "../../NoukaiError.js"
import { backoffDriver, mayPassSoon } from "../retry/retry.js"
import type { StreamCursor } from "./streamCursor.js"

const canHeal = (error: CallError): boolean =>
  mayPassSoon(error) || (error._tag === "APITimeoutError" && error.clock === "idle")

const gaveUp = Effect.as(Effect.void, undefined)

/**
 * Whether a server says that the step asked for is none, because the last one has completed. What carries the answer of
 * a tool belongs to a step that has not completed.
 *
 * @internal
 */
export const isBeyondLastStep = (error: CallError, cursor: StreamCursor): boolean =>
  error._tag === "FlowExecutionError" && error.code === "INVALID_STEP_INDEX" &&
  cursor.stepIndex > 0 && cursor.pending === undefined && cursor.mayBeOver && !cursor.again

/** @internal */
export class StreamHealing {
  private delay: ((error: NoukaiError) => Effect.Effect<number | undefined>) | undefined
  /** How far the run had come when the schedule began. */
  private since = -1

  constructor(
    private readonly schedule: Schedule.Schedule<unknown, NoukaiError> | undefined,
    private readonly cursor: StreamCursor
  ) {}

  /**
   * The milliseconds to wait; `undefined` when the stream fails. The schedule begins anew only when the run has come
   * further: the events of a step that is cut off each time do not count, since each time it may be paid for.
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
