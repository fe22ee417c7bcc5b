import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { APITimeoutError } from "../../NoukaiError.js"
import { unchecked } from "../errors/makeError.js"
import type { Progress } from "../input/callOptions.js"

/**
 * What is known of a call.
 *
 * @internal
 */
export interface TimedCall {
  readonly method: string
  readonly flow: string | undefined
  readonly executionId: () => string | undefined
  /** It starts nothing, and may be made again. Default: false. */
  readonly onlyReads?: boolean
}

/**
 * The clock over a whole call: attempts, waits and tool rounds. Costs nothing when there is none.
 *
 * @internal
 */
export const totalTimeout = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  ms: number | undefined,
  facts: TimedCall,
  progress: Progress
): Effect.Effect<A, E | APITimeoutError, R> => {
  if (ms === undefined) return self
  const onTimeout = () =>
    new APITimeoutError({
      method: facts.method,
      flow: facts.flow,
      executionId: facts.executionId(),
      detail: `after ${ms} ms`,
      clock: "total",
      sent: progress.sent,
      isRetryable: facts.onlyReads === true || progress.sent === "no"
    }, unchecked)
  // there is no time to send anything in
  return ms === 0 ? Effect.failSync(onTimeout) : Effect.timeoutFail(self, { duration: Duration.millis(ms), onTimeout })
}
