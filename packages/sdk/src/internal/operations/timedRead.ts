import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { APITimeoutError } from "../../NoukaiError.js"
import type { Progress, ReadOptions, RequestContext } from "../options/callOptions.js"
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
): Effect.Effect<A, E | APITimeoutError> =>
  Effect.suspend(() => {
    const progress: Progress = { sent: "no" }
    return totalTimeout(
      ask({ method, options, progress }),
      totalOf(http, options.timeout),
      { method, flow, executionId: () => executionId, onlyReads: true },
      progress
    )
  })
