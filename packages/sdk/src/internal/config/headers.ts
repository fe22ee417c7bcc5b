/**
 * The headers of a request (contract 2).
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../errors/invalid.js"
import { type Problem, problem } from "../errors/invalid.js"
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

const maxQuoted = 60

const read = (
  field: string,
  headers: unknown,
  dropped: ReadonlySet<string>
): Either.Either<Record<string, string>, Problem> => {
  if (!Predicate.isRecord(headers) || Symbol.iterator in headers) {
    return Either.left(problem(field, "must be an object of texts by name"))
  }
  const out: Record<string, string> = {}
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase()
    if (dropped.has(lower)) continue
    const value = headers[name]
    const refused = (reason: string) =>
      Either.left(problem(`${field}[${JSON.stringify(name.slice(0, maxQuoted))}]`, reason))
    if (!nameShape.test(name)) return refused("is not a header name")
    if (lower === "x-session-id") return refused("is what the sessionId option is for")
    if (framing.has(lower)) return refused("is set by the transport")
    if (!isHeaderValue(value)) return refused("must be text without control characters or characters beyond Latin-1")
    out[lower] = value
  }
  return Either.right(out)
}

const checked = (
  method: string,
  headers: unknown,
  dropped: ReadonlySet<string>
): Either.Either<Record<string, string>, InvalidRequestError> =>
  Either.mapLeft(read("headers", headers, dropped), ({ field, reason }) => invalid(method, field, reason))

/**
 * Why something can be no headers of a call, or nothing.
 *
 * @internal
 */
export const headersProblem = (field: string, headers: unknown): Problem | undefined => {
  const found = read(field, headers, reserved)
  return Either.isLeft(found) ? found.left : undefined
}

/**
 * Whether a value is text that can be sent as that of a header; a list of one text is not.
 *
 * @internal
 */
export const isHeaderValue = (value: unknown): value is string => typeof value === "string" && valueShape.test(value)

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
