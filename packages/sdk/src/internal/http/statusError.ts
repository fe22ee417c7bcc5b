/**
 * Makes the errors of responses and of requests without one. `ErrorResponse` maps the statuses.
 *
 * @see docs/wire.md#errors
 */
import * as Predicate from "effect/Predicate"
import { keepBody, readErrorResponse } from "../../ErrorResponse.js"
import * as E from "../../NoukaiError.js"
import { newError } from "../core/makeError.js"
import { clientClosed, isRepeatable } from "../kit/repeatability.js"
import type { TransportError, TransportResponse } from "./HttpTransport.js"

/** The errors of a request that was made: not those of a replay. */
export type LiveError = E.ApiError | E.InvalidRequestError | E.UnexpectedResponseError

/** The facts of a call that its errors carry. */
export interface CallFacts {
  readonly method: string
  readonly flow: string | undefined
  readonly isPost: boolean
  readonly executionId: string | undefined
  /** Removes the key from text that the server sent. */
  readonly scrub: (text: string) => string
}

/** The error of a status that is not 2xx. */
export const fromStatus = (
  facts: CallFacts,
  { header, status }: TransportResponse,
  body: string,
  now: number
): E.ApiError => {
  const response = readErrorResponse({ status, header, body }, now, facts.scrub)
  const { _tag, namesRun, ...fields } = response
  const isOther = namesRun && facts.executionId === undefined
  return newError<E.ApiError, ConstructorParameters<typeof E[typeof _tag]>[0]>(E[_tag], {
    method: facts.method,
    flow: facts.flow,
    ...fields,
    executionId: facts.executionId ?? fields.executionId,
    isRetryable: isRepeatable({ ...response, namesRun: isOther }, facts.isPost)
  })
}

const maxQuoted = 60

/** The error of a request without a whole response. */
export const fromTransport = (
  facts: CallFacts,
  error: TransportError
): E.APIConnectionError | E.APITimeoutError | E.UnexpectedResponseError => {
  const { executionId, flow, isPost, method, scrub } = facts
  const base = { method, flow, executionId, isRetryable: "sent" in error && (!isPost || error.sent === "no") }
  const unreadable = (statusCode: number, reason: string) =>
    newError(E.UnexpectedResponseError, { ...base, statusCode, reason })
  switch (error._tag) {
    case "ConnectionFailure": {
      const { cause, reason, sent } = error
      return newError(E.APIConnectionError, { ...base, detail: scrub(reason), sent, cause })
    }
    case "TransportClosed": {
      const ended = { detail: "the client is closed", code: clientClosed, isRetryable: false }
      return newError(E.APIConnectionError, { ...base, ...ended, sent: error.sent })
    }
    case "ClockExpired": {
      const { after, clock, sent } = error
      return newError(E.APITimeoutError, { ...base, detail: `after ${after} ms`, clock, sent })
    }
    case "BodyTooLarge":
      return unreadable(error.status, `the body is longer than ${error.maxBytes} bytes`)
    case "BodyUndecodable": {
      const coding = JSON.stringify(scrub(error.coding).slice(0, maxQuoted))
      const reason = error.isKnown
        ? `the body cannot be decoded as ${coding}`
        : `the body has an unknown content coding, ${coding}`
      return unreadable(error.status, reason)
    }
  }
}

/** The error of a 2xx whose body does not fit the API. A result in it is kept whole. */
export const unexpected = (
  facts: CallFacts,
  response: TransportResponse,
  body: string,
  reason: string,
  json?: unknown
): E.UnexpectedResponseError => {
  const { flow, method, scrub } = facts
  const requestId = response.header("x-request-id")
  const fields = Predicate.isRecord(json) ? json : undefined
  const named = fields?.executionId
  return newError(E.UnexpectedResponseError, {
    method,
    flow,
    reason: scrub(reason),
    statusCode: response.status,
    executionId: facts.executionId ?? (typeof named === "string" && named !== "" ? named : undefined),
    requestId: requestId === undefined ? undefined : scrub(requestId),
    responseBody: keepBody(scrub(body)),
    result: fields?.result
  })
}

/**
 * The error of a failed fetch of a session. `isAbsence` reads the body of a 404.
 *
 * @see docs/wire.md#sessions
 */
export const ofSession = (isAbsence: (body: string) => boolean) =>
(
  error: E.ApiError | E.InvalidRequestError | E.UnexpectedResponseError
): Exclude<E.SessionError, E.ReplayMissError> => {
  const { code, detail, executionId, method, requestId, responseBody, statusCode } = error
  const props = { method, detail, statusCode, code, executionId, requestId, responseBody }
  switch (error._tag) {
    case "PermissionDeniedError":
      return newError(E.ReplayForbiddenError, props)
    case "FlowNotFoundError":
      return newError(E.ReplaySessionNotFoundError, { ...props, isAbsent: isAbsence(responseBody ?? "") })
    case "FlowExecutionError":
      return statusCode === 400
        ? newError(E.ReplayInvalidSessionError, props)
        : statusCode === 410
        ? newError(E.ReplaySessionExpiredError, props)
        : error
    default:
      return error
  }
}
