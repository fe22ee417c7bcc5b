import * as Effect from "effect/Effect"
import {
  AmbiguousRunError,
  type CallError,
  type OnceError,
  ResultNotStoredError,
  UnexpectedResponseError
} from "../../NoukaiError.js"
import { amended, known, unchecked } from "../errors/makeError.js"
import { format } from "../flow/address.js"
import type { OnceRequest } from "../operations/onceRequests.js"
import type { Requests } from "../operations/operations.js"
import type { SessionExecution } from "../operations/sessionRequests.js"
import { runOf } from "../sessions/sessionRun.js"
import type { Pause } from "../time/clock.js"
import { type Keyed, onceSession } from "./onceSession.js"
import type { SeenRuns } from "./seenRuns.js"

/** A run that was found under a key. */
export interface FoundRun {
  readonly execution: SessionExecution
  readonly sessionId: string
}

/**
 * The finding under a key: the session that no run has yet, the run that was found, or the session of a run that this
 * client has begun or found before, and that is not listed now.
 */
export type Standing =
  | { readonly _tag: "absent"; readonly sessionId: string }
  | { readonly _tag: "missing"; readonly sessionId: string }
  | { readonly _tag: "found"; readonly run: FoundRun }

export type Asked = OnceRequest & Keyed

/** More attempts than any caller makes: a server that finds a failed run in every session would be asked for ever. */
const maxAttempts = 1_000

const facts = ({ flow, method }: Asked) => ({ method, flow: format(flow), isRetryable: false })

/** The error of a read. Nothing of a run was sent for it. */
export const beforeARun = <E extends CallError | OnceError>(error: E): E =>
  error._tag === "APIConnectionError" || error._tag === "APITimeoutError" ? amended(error, { sent: "no" }) : error

/** The runs of a session, each once. A session that the server does not know has none. */
const listed = (
  session: Requests["session"],
  asked: Asked,
  sessionId: string
): Effect.Effect<ReadonlyArray<SessionExecution>, CallError | OnceError> => {
  const { retryPost: _, ...options } = asked.options
  return session({ method: asked.method, options, progress: { sent: "no" }, sessionId }).pipe(
    Effect.map(({ executions }) => [...new Map(executions.map((one) => [one.executionId, one])).values()]),
    Effect.catchTag(
      "ReplaySessionNotFoundError",
      ({ code, detail, isAbsent, requestId, responseBody, statusCode }) =>
        isAbsent === true ? Effect.succeed([]) : Effect.fail(
          new UnexpectedResponseError(
            known({
              ...facts(asked),
              reason:
                "the look-up of the key got a 404 that does not say that its session does not exist, so nothing was " +
                "sent; check the base URL and any gateway, or set `isSessionNotFound` of the client",
              statusCode,
              code,
              detail,
              requestId,
              responseBody
            }),
            unchecked
          )
        )
    ),
    Effect.catchTag("ReplaySessionExpiredError", ({ code, detail, requestId, statusCode }) =>
      Effect.fail(
        new ResultNotStoredError(
          known({
            ...facts(asked),
            reason: "expired",
            sessionId,
            statusCode,
            code,
            detail,
            requestId
          }),
          unchecked
        )
      )),
    Effect.mapError(beforeARun)
  )
}

const onlyOne = (
  asked: Asked,
  sessionId: string,
  runs: ReadonlyArray<SessionExecution>
): Effect.Effect<SessionExecution | undefined, AmbiguousRunError> =>
  runs.length <= 1 ? Effect.succeed(runs[0]) : Effect.fail(
    new AmbiguousRunError({
      ...facts(asked),
      executionIds: runs.map(({ executionId }) => executionId),
      sessionId
    }, unchecked)
  )

/** Whether a run is a failure to who asks for its result; the queue says so itself. */
const endedBadly = (execution: SessionExecution): boolean => {
  const { status, triggerType } = execution
  return status === "failed" || status === "cancelled" ||
    (status === "completed" && triggerType !== "job" && runOf(execution).ending._tag === "failed")
}

/**
 * Looks a key up. A run that failed or was cancelled may have been followed by another attempt, so that the
 * attempts are walked to the first that is absent. Where something would be sent because of an absence, or where the
 * run was seen before, by this client, it is looked at again after the time to settle.
 */
export const standing = (
  session: Requests["session"],
  pause: Pause,
  asked: Asked,
  seen: SeenRuns
): Effect.Effect<Standing, CallError | OnceError> => {
  const look = (sessionId: string) =>
    Effect.flatMap(listed(session, asked, sessionId), (runs) => onlyOne(asked, sessionId, runs))

  const walk = (attempt: number, before: FoundRun | undefined): Effect.Effect<Standing, CallError | OnceError> =>
    Effect.flatMap(onceSession(asked, attempt), (sessionId) => {
      const isNeeded = before === undefined || asked.rerunFailed
      const looked = (isNeeded || seen.has(sessionId)) && asked.settle > 0
        ? Effect.flatMap(
          look(sessionId),
          (found) => found === undefined ? Effect.zipRight(pause(asked.settle), look(sessionId)) : Effect.succeed(found)
        )
        : look(sessionId)
      return Effect.flatMap(looked, (execution): Effect.Effect<Standing, CallError | OnceError> => {
        if (execution === undefined) {
          if (seen.has(sessionId)) return Effect.succeed({ _tag: "missing", sessionId })
          return Effect.succeed(isNeeded ? { _tag: "absent", sessionId } : { _tag: "found", run: before })
        }
        seen.add(sessionId, execution.executionId)
        const run: FoundRun = { execution, sessionId }
        if (!endedBadly(execution)) return Effect.succeed({ _tag: "found", run })
        return attempt < maxAttempts ? walk(attempt + 1, run) : Effect.fail(
          new UnexpectedResponseError({
            ...facts(asked),
            executionId: execution.executionId,
            reason: `${maxAttempts} runs of this key have failed, or the server finds one in every session`
          }, unchecked)
        )
      })
    })

  return walk(1, undefined)
}
