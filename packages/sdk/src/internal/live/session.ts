import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ReplayMissError, SessionError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { maxDepth, nestsTooDeep } from "../json/jsonText.js"
import { type ReadBody, readBody } from "../operations/responseBody.js"
import type { SessionRequest, SessionResponse } from "../operations/sessionRequests.js"
import { isSameSession, isSessionId } from "../scope/sessionId.js"
import { noSession } from "../sessions/noSession.js"
import { notSessionId } from "../sessions/notSessionId.js"
import * as Spans from "../telemetry/spans.js"
import type { Caller } from "./call.js"
import { ofSession } from "./statusError.js"

/** Reads a session and checks its depth, since it is walked again and again: compared, redacted, written. */
const readSession = (sessionId: string): ReadBody<SessionResponse> => (json, received) =>
  nestsTooDeep(json)
    ? Either.left(`the session nests deeper than ${maxDepth} levels`)
    : Either.filterOrLeft(
      readBody.session(json, received),
      (read) => isSameSession(read.sessionId, sessionId),
      () => "the server answered with another session"
    )

/** Whether a 404 says that the session does not exist, by the rule of the caller's or else by ours. */
const isAbsence = ({ config: { isSessionNotFound } }: Caller, sessionId: string) => (body: string): boolean => {
  if (isSessionNotFound === undefined) return noSession(body, sessionId)
  try {
    return isSessionNotFound(body) === true
  } catch {
    // a run is sent for a clear yes only
    return false
  }
}

/**
 * `GET /seq/sessions/{sessionId}`. The id may come from a stranger's request, so that only a UUID becomes part of a
 * path.
 *
 * @see contract 10.4
 */
export const session =
  (caller: Caller) =>
  (request: SessionRequest): Effect.Effect<SessionResponse, Exclude<SessionError, ReplayMissError>> =>
    isSessionId(request.sessionId)
      ? Spans.readSpan(
        spanNames.session,
        { sessionId: request.sessionId },
        () => ({}),
        Effect.mapError(
          caller.send({
            context: request,
            httpMethod: "GET",
            path: `/seq/sessions/${request.sessionId}`,
            flow: undefined,
            sessionId: undefined,
            body: undefined,
            executionId: undefined,
            decode: readSession(request.sessionId)
          }),
          ofSession(isAbsence(caller, request.sessionId))
        )
      )
      : Effect.fail(notSessionId(request.method, request.sessionId))
