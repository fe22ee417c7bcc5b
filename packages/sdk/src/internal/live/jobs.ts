import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Address from "../flow/address.js"
import type * as JobCall from "../operations/jobRequests.js"
import type { PollJobResponse, SubmitJobResponse } from "../operations/jobRequests.js"
import { type ReadBody, readBody } from "../operations/responseBody.js"
import type { Caller } from "./call.js"
import type { LiveError } from "./retrying.js"

const readSubmitted: ReadBody<SubmitJobResponse> = (json, received) =>
  Either.filterOrLeft(
    readBody.submitJob(json, received),
    ({ executionId }) => Either.isRight(Address.segment("", "executionId", executionId)),
    () => "executionId is not an id that a path can carry"
  )

/**
 * `POST …/jobs`.
 *
 * @see contract 8.1
 */
export const submitJob =
  (caller: Caller) => (request: JobCall.SubmitJobRequest): Effect.Effect<SubmitJobResponse, LiveError> =>
    caller.send({
      context: request,
      httpMethod: "POST",
      path: `${Address.basePath(request.flow)}${Address.versionPath(request.version)}/jobs`,
      flow: request.flow,
      sessionId: request.sessionId,
      body: request.body,
      executionId: undefined,
      decode: readSubmitted
    })

/** The limit of a poll, which reads one row and so gets less time than a run. */
const pollTimeout = Duration.seconds(30)

/**
 * `GET …/jobs/{executionId}`. An attempt takes at most 30 s unless the call says otherwise.
 *
 * @see contract 8.2
 */
export const pollJob = (caller: Caller) => {
  const attemptTimeout = Duration.min(caller.config.attemptTimeout, pollTimeout)
  return (request: JobCall.PollJobRequest): Effect.Effect<PollJobResponse, LiveError> =>
    caller.send({
      context: {
        ...request,
        options: { ...request.options, attemptTimeout: request.options.attemptTimeout ?? attemptTimeout }
      },
      httpMethod: "GET",
      path: `${Address.basePath(request.flow)}/jobs/${Address.encode(request.executionId)}`,
      flow: request.flow,
      sessionId: undefined,
      body: undefined,
      executionId: request.executionId,
      decode: readBody.pollJob
    })
}
