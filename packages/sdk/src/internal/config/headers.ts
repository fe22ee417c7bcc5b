/**
 * The headers of a request (contract 2).
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../errors/invalid.js"
import { userAgent } from "./userAgent.js"
import { apiVersion } from "./version.js"

/** Ours alone: what a caller gives for them is dropped without a word (contract 2.5). */
const reserved: ReadonlySet<string> = new Set([
  "authorization",
  "x-noukai-api-version",
  "user-agent",
  "x-request-id",
  "content-type",
  "cookie"
])

/** What frames the message: setting one would break the request, so it is refused. */
const framing: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "keep-alive",
  "upgrade",
  "expect",
  "te",
  "trailer",
  "accept-encoding",
  "proxy-authorization",
  "proxy-connection"
])

const nameShape = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const valueShape = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

/** What a relay's own server may be sent, a login of its own among it. */
const reservedOfRelay: ReadonlySet<string> = new Set(["content-type"])

/**
 * Extra headers with lower-case names, without the reserved ones. The caller's record is left as it is.
 *
 * @internal
 */
export const extra = (
  method: string,
  headers: Readonly<Record<string, string>>
): Either.Either<Record<string, string>, InvalidRequestError> => checked(method, headers, reserved)

/**
 * The headers of a relay, where all but the content type is the caller's affair.
 *
 * @internal
 */
export const ofRelay = (
  method: string,
  headers: Readonly<Record<string, string>>
): Either.Either<Record<string, string>, InvalidRequestError> => checked(method, headers, reservedOfRelay)

const checked = (
  method: string,
  headers: Readonly<Record<string, string>>,
  dropped: ReadonlySet<string>
): Either.Either<Record<string, string>, InvalidRequestError> => {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (dropped.has(lower)) continue
    const problem = !nameShape.test(name)
      ? "is not a header name"
      : lower === "x-session-id"
      ? "is what the sessionId option is for"
      : framing.has(lower)
      ? "is set by the transport"
      : typeof value !== "string" || !valueShape.test(value)
      ? "must be text without control characters or characters beyond Latin-1"
      : undefined
    if (problem !== undefined) {
      return Either.left(invalid(method, `headers[${JSON.stringify(name)}]`, problem))
    }
    out[lower] = value
  }
  return Either.right(out)
}

/**
 * Whether a session id can be sent as a header.
 *
 * @internal
 */
export const isHeaderValue = (value: string): boolean => valueShape.test(value)

/**
 * What every request of a client carries. The only place where the key is read.
 *
 * @internal
 */
export const ofClient = (apiKey: Redacted.Redacted<string>): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${Redacted.value(apiKey)}`,
  "x-noukai-api-version": apiVersion,
  "user-agent": userAgent()
})
