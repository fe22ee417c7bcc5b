import * as Effect from "effect/Effect"
import { APITimeoutError } from "../../NoukaiError.js"
import { known, unchecked } from "../errors/makeError.js"
import type { Progress } from "../options/callOptions.js"
import { timeLimit } from "../time/timeLimit.js"

/** The facts of a call that its timeout error carries. */
export interface TimedCall {
  readonly method: string
  readonly flow: string | undefined
  readonly executionId: () => string | undefined
  /** Whether the call starts nothing, and so may be made again. Default: false. */
  readonly onlyReads?: boolean
}

/** Limits a whole call: attempts, waits and tool rounds. Costs nothing without a limit. */
export const totalTimeout = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  ms: number | undefined,
  facts: TimedCall,
  progress: Progress
): Effect.Effect<A, E | APITimeoutError, R> => {
  if (ms === undefined) return self
  const timedOut = Effect.failSync(() => {
    const error = new APITimeoutError(
      known({
        method: facts.method,
        flow: facts.flow,
        executionId: facts.executionId(),
        detail: `after ${ms} ms`,
        clock: "total",
        sent: progress.sent,
        isRetryable: facts.onlyReads === true || progress.sent === "no"
      }),
      unchecked
    )
    progress.timedOut?.(error)
    return error
  })
  // with a limit of 0 nothing may be sent
  return ms === 0 ? timedOut : timeLimit(self, ms, timedOut)
}
