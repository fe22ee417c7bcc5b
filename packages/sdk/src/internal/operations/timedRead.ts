import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { APITimeoutError, InvalidRequestError } from "../../NoukaiError.js"
import type { Progress, ReadOptions, RequestContext } from "../input/callOptions.js"
import type { HttpService } from "./operations.js"
import { totalOf } from "./resolvedCall.js"
import { totalTimeout } from "./totalTimeout.js"

/** The facts of a reading, for errors. */
interface TimedRead {
  readonly flow: string | undefined
  readonly executionId: string | undefined
}

/** Limits one read by the total timeout. */
export const timedRead = <A, E>(
  http: HttpService,
  method: string,
  options: ReadOptions & { readonly timeout?: Duration.DurationInput | undefined },
  { executionId, flow }: TimedRead,
  ask: (context: RequestContext) => Effect.Effect<A, E>
): Effect.Effect<A, E | APITimeoutError | InvalidRequestError> =>
  Effect.suspend((): Effect.Effect<A, E | APITimeoutError | InvalidRequestError> => {
    const total = totalOf(http, method, options.timeout)
    if (Either.isLeft(total)) return Effect.fail(total.left)
    const progress: Progress = { sent: "no" }
    return totalTimeout(
      ask({ method, options, progress }),
      total.right,
      { method, flow, executionId: () => executionId, onlyReads: true },
      progress
    )
  })
