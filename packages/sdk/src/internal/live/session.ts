import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { ReplayInvalidSessionError, type ReplayMissError, type SessionError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { unchecked } from "../errors/makeError.js"
import { maxDepth, nestsTooDeep } from "../json/jsonText.js"
import { type ReadBody, readBody } from "../operations/responseBody.js"
import type { SessionRequest, SessionResponse } from "../operations/sessionRequests.js"
import { isSessionId } from "../scope/sessionId.js"
import * as Spans from "../telemetry/spans.js"
import type { Caller } from "./call.js"
import { ofSession } from "./statusError.js"

const maxQuoted = 60

/**
 * The error of an id that no session can have, found before anything is sent.
 *
 * @see contract 10.4
 * @internal
 */
export const notSessionId = (method: string, id: unknown): ReplayInvalidSessionError => {
  const quoted = typeof id === "string" ? JSON.stringify(id.slice(0, maxQuoted)) : "the session id"
  return new ReplayInvalidSessionError({
    method,
    detail: `${quoted} is not a UUID`,
    statusCode: 400,
    isRetryable: false
  }, unchecked)
}

/** Reads a session and checks its depth, since it is walked again and again: compared, redacted, written. */
const readSession: ReadBody<SessionResponse> = (json, received) =>
  nestsTooDeep(json)
    ? Either.left(`the session nests deeper than ${maxDepth} levels`)
    : readBody.session(json, received)

/**
 * `GET /seq/sessions/{sessionId}`. The id may come from a stranger's request, so that only a UUID becomes part of a
 * path.
 *
 * @see contract 10.4
 * @internal
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
            decode: readSession
          }),
          ofSession
        )
      )
      : Effect.fail(notSessionId(request.method, request.sessionId))
