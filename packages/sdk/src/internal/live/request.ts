/**
 * Requests on the wire: path, headers, body and connect clock.
 *
 * @see contract 2
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type { NoukaiConfig } from "../../NoukaiConfig.js"
import type { InvalidRequestError } from "../../NoukaiError.js"
import * as Headers from "../config/headers.js"
import { invalid } from "../errors/makeError.js"
import type { FlowAddress } from "../flow/flow.js"
import type { RequestContext } from "../options/callOptions.js"
import { finite, milliseconds } from "../time/duration.js"
import { ClockExpired, type OpenRequest, type SendRequest, type TransportRequest } from "../transport/HttpTransport.js"

/** The configuration of a client; a relay has no key. */
export interface CallConfig extends Omit<NoukaiConfig.Service, "apiKey"> {
  readonly apiKey: Redacted.Redacted<string> | undefined
}

/** The description of a request. */
export interface RequestDescription {
  readonly context: RequestContext
  readonly httpMethod: "GET" | "POST"
  /** The path below the base URL, encoded. */
  readonly path: string
  readonly flow: FlowAddress | undefined
  readonly sessionId: string | undefined
  /** The JSON value of the body. */
  readonly body: unknown
  readonly executionId: string | undefined
}

/** Makes the request of a description, or the error that it cannot be made. */
export type RequestBuilder = (
  description: RequestDescription,
  accept: string,
  traceparent: string | undefined
) => Either.Either<TransportRequest, InvalidRequestError>

/** The field of a body that JSON cannot hold, or else the whole. */
const unwritable = (body: unknown): string =>
  (Predicate.isRecord(body) ? Object.keys(body) : []).find((name) => {
    try {
      JSON.stringify((body as { readonly [field: string]: unknown })[name])
      return false
    } catch {
      return true
    }
  }) ?? "body"

const serialise = (method: string, body: unknown): Either.Either<string, InvalidRequestError> => {
  try {
    return Either.right(JSON.stringify(body))
  } catch (cause) {
    return Either.left(invalid(method, unwritable(body), "cannot be written as JSON", { cause }))
  }
}

export const requestBuilder = (config: CallConfig): RequestBuilder => {
  const { apiKey } = config
  const baseHeaders = {
    ...config.headers,
    ...(apiKey === undefined ? undefined : Headers.ofClient(apiKey)),
    "accept-encoding": "identity"
  }
  const postHeaders = { ...baseHeaders, accept: "application/json", "content-type": "application/json" }
  const connectTimeout = finite(config.connectTimeout)

  return ({ body, context: { method, options, progress }, httpMethod, path, sessionId }, accept, traceparent) => {
    let headers: Record<string, string> = httpMethod === "POST" && accept === "application/json"
      ? postHeaders
      : httpMethod === "POST"
      ? { ...postHeaders, accept }
      : { ...baseHeaders, accept }
    if (options.headers !== undefined) {
      const extra = Headers.extra(method, options.headers)
      if (Either.isLeft(extra)) return Either.left(extra.left)
      headers = { ...headers, ...extra.right, accept }
    }
    if (sessionId !== undefined) {
      if (!Headers.isHeaderValue(sessionId)) {
        return Either.left(invalid(method, "sessionId", "must be text that a header can carry"))
      }
      headers = { ...headers, "x-session-id": sessionId }
    }
    if (traceparent !== undefined) headers = { traceparent, ...headers }
    let connect = connectTimeout
    if (options.connectTimeout !== undefined) {
      const ms = milliseconds(method, "connectTimeout", options.connectTimeout)
      if (Either.isLeft(ms)) return Either.left(ms.left)
      connect = ms.right
    }
    let text: string | undefined
    if (body !== undefined) {
      const json = serialise(method, body)
      if (Either.isLeft(json)) return Either.left(json.left)
      text = json.right
    }
    return Either.right({
      method: httpMethod,
      origin: config.origin,
      path: config.prefix + path,
      headers,
      body: text,
      connectTimeout: connect,
      progress
    })
  }
}

/**
 * The clock of zero that a request has, if any: the attempt then fails before it is sent, since it would be interrupted
 * at once and could be billed.
 */
export const spentClock = (
  request: Pick<TransportRequest, "connectTimeout"> & Partial<SendRequest> & Partial<OpenRequest>
): ClockExpired | undefined => {
  const clock = request.connectTimeout === 0
    ? "connect"
    : request.attemptTimeout === 0
    ? "attempt"
    : request.firstByteTimeout === 0
    ? "firstByte"
    : request.idleTimeout === 0
    ? "idle"
    : undefined
  return clock === undefined ? undefined : new ClockExpired({ clock, after: 0, sent: "no" })
}
