import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { SessionError } from "../../NoukaiError.js"
import { checkCall } from "../input/checks.js"
import { type InputRules, take } from "../input/take.js"
import type { HttpService } from "../operations/operations.js"
import type { SessionResponse } from "../operations/sessionRequests.js"
import { timedRead } from "../operations/timedRead.js"
import { isSessionId } from "../scope/sessionId.js"
import type { RunOptions } from "../traces/runOptions.js"
import { pickOptions } from "../traces/runRead.js"
import { notSessionId } from "./notSessionId.js"

const rules: InputRules<RunOptions, RunOptions> = { field: "options", pick: pickOptions, check: checkCall }

/**
 * `SessionService.get`.
 *
 * @see contract 10.4
 * @internal
 */
export const get =
  (http: HttpService) => (sessionId: string, given: RunOptions = {}): Effect.Effect<SessionResponse, SessionError> =>
    Effect.suspend((): Effect.Effect<SessionResponse, SessionError> => {
      const method = "SessionService.get"
      if (!isSessionId(sessionId)) return Effect.fail(notSessionId(method, sessionId))
      const options = take(method, rules, given)
      if (Either.isLeft(options)) return Effect.fail(options.left)
      return timedRead(
        http,
        method,
        options.right,
        { flow: undefined, executionId: undefined },
        (context) => http.request("session", { ...context, sessionId })
      )
    })
