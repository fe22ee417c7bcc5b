/**
 * The headers of a request.
 *
 * @see docs/wire.md#headers
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { type Checked, invalid, type Problem, problem, readable } from "../core/makeError.js"

/** The version of the packages. */
export const version = "0.1.0"

/** The date-pinned version of the HTTP API. */
const apiVersion = "2026-05-31"

declare const globalThis: {
  readonly Deno?: { readonly version?: { readonly deno?: string } }
  readonly Bun?: { readonly version?: string }
  readonly EdgeRuntime?: unknown
  readonly navigator?: { readonly userAgent?: string }
  readonly window?: unknown
  readonly process?: { readonly versions?: { readonly node?: string }; readonly platform?: string }
}

const runtime = (): string => {
  const scope = globalThis
  if (scope.Deno !== undefined) return `deno/${scope.Deno.version?.deno ?? "unknown"}`
  if (scope.Bun !== undefined) return `bun/${scope.Bun.version ?? "unknown"}`
  if (scope.navigator?.userAgent === "Cloudflare-Workers") return "workerd"
  if (scope.EdgeRuntime !== undefined) return "edge"
  const node = scope.process?.versions?.node
  if (node !== undefined) return `node/${node}; ${scope.process?.platform ?? "unknown"}`
  return scope.window === undefined ? "unknown" : "browser"
}

/**
 * `effect-noukai/<version> (node/20.19.0; linux)`: product and version, then the runtime.
 *
 * @see docs/wire.md#headers
 */
export const userAgent = (): string => `effect-noukai/${version} (${runtime()})`

/** Headers of the client; values of a caller for them are dropped in silence. */
const reserved: ReadonlySet<string> = new Set(
  "authorization x-noukai-api-version user-agent x-request-id content-type cookie".split(" ")
)

/** Headers that frame the message; they are refused, since setting one would break the request. */
const framing: ReadonlySet<string> = new Set((
  "host connection content-length transfer-encoding keep-alive upgrade expect te trailer accept-encoding " +
  "proxy-authorization proxy-connection"
).split(" "))

const nameShape = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const valueShape = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

/** Headers that a caller cannot set for a relay, whose server may be sent a login. */
export const reservedOfRelay: ReadonlySet<string> = new Set(["content-type"])

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

/** Extra headers with lower-case names, without the reserved ones. The caller's record is left as it is. */
export const extra = (
  method: string,
  headers: Readonly<Record<string, string>>,
  dropped: ReadonlySet<string> = reserved
): Checked<Record<string, string>> =>
  readable(
    method,
    "headers",
    () => Either.mapLeft(read("headers", headers, dropped), ({ field, reason }) => invalid(method, field, reason))
  )

/** The reason why a value cannot be the headers of a call, if there is one. */
export const headersProblem = (field: string, headers: unknown): Problem | undefined => {
  const found = read(field, headers, reserved)
  return Either.isLeft(found) ? found.left : undefined
}

/** Whether a value is text that fits into a header; a list of one text is not. */
export const isHeaderValue = (value: unknown): value is string => typeof value === "string" && valueShape.test(value)

/** The headers of every request of a client. The only place where the key is read. */
export const ofClient = (apiKey: Redacted.Redacted<string>): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${Redacted.value(apiKey)}`,
  "x-noukai-api-version": apiVersion,
  "user-agent": userAgent()
})
