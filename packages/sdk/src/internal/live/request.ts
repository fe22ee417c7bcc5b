/**
 * What an endpoint asks for, as a request on the wire: path, headers, body and connect clock (contract 2).
 *
 * @internal
 */
import * as Either from "effect/Either"
import type * as Redacted from "effect/Redacted"
import type { RequestContext } from "../../CallOptions.js"
import type { FlowAddress } from "../../Flow.js"
import type { NoukaiConfig } from "../../NoukaiConfig.js"
import type { InvalidRequestError } from "../../NoukaiError.js"
import * as Headers from "../config/headers.js"
import { invalid } from "../errors/invalid.js"
import { finite, milliseconds } from "../time/duration.js"
import type { TransportRequest } from "../transport/HttpTransport.js"

/**
 * The configuration of a client; a relay has no key.
 *
 * @internal
 */
export interface CallConfig extends Omit<NoukaiConfig.Service, "apiKey"> {
  readonly apiKey: Redacted.Redacted<string> | undefined
}

/**
 * What an endpoint asks for.
 *
 * @internal
 */
export interface Wanted {
  readonly context: RequestContext
  readonly httpMethod: "GET" | "POST"
  /** Below the base URL, encoded. */
  readonly path: string
  readonly flow: FlowAddress | undefined
  readonly sessionId: string | undefined
  /** The JSON value to send. */
  readonly body: unknown
  readonly executionId: string | undefined
}

/**
 * The request for what is wanted, or why it cannot be made.
 *
 * @internal
 */
export type Prepare = (
  wanted: Wanted,
  accept: string,
  traceparent: string | undefined
) => Either.Either<TransportRequest, InvalidRequestError>

const serialise = (method: string, body: unknown): Either.Either<string, InvalidRequestError> => {
  try {
    return Either.right(JSON.stringify(body))
  } catch (cause) {
    return Either.left(invalid(method, "body", "must be JSON: no cycles, no BigInt", { cause }))
  }
}

/** @internal */
export const preparing = (config: CallConfig): Prepare => {
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
