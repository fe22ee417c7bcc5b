/**
 * Requests on the wire: path, headers, body and connect clock.
 *
 * @see docs/wire.md#headers
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type { NoukaiConfig } from "../../NoukaiConfig.js"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../core/makeError.js"
import { limitOf } from "../core/time.js"
import { type Digits, digitsAt, digitsIn, digitsOf, stringifyJson } from "../kit/plainJson.js"
import type { FlowAddress } from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"
import * as Headers from "../options/headers.js"
import { ClockExpired, type OpenRequest, type SendRequest, type TransportRequest } from "./HttpTransport.js"

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

/** The digits of a body: its own, and those of values that a caller passes on, such as the parameters of an earlier run. */
const digitsOfBody = (body: unknown): Digits | undefined => {
  const own = digitsOf(body)
  if (!Predicate.isRecord(body) || !Object.values(body).some((part) => digitsOf(part) !== undefined)) return own
  return digitsIn(Object.entries(body).map(([name, part]) => [name, digitsAt(own, name) ?? digitsOf(part)]))
}

/** The field of a body that JSON cannot hold, such as one that nests too deeply, or else the whole. */
const unwritable = (body: unknown): string => {
  const fields = Predicate.isRecord(body) ? Object.entries(body) : []
  return fields.find(([, value]) => Either.isLeft(Either.try(() => JSON.stringify(value))))?.[0] ?? "body"
}

const serialise = (method: string, body: unknown): Either.Either<string, InvalidRequestError> =>
  Either.try({
    try: () => stringifyJson(body, digitsOfBody(body)),
    catch: (cause) => invalid(method, unwritable(body), "cannot be written as JSON", { cause })
  })

export const requestBuilder = (config: CallConfig): RequestBuilder => {
  const { apiKey } = config
  const clientHeaders = {
    ...config.headers,
    ...(apiKey === undefined ? undefined : Headers.ofClient(apiKey)),
    "accept-encoding": "identity"
  }

  return ({ body, context: { method, options, progress }, httpMethod, path, sessionId }, accept, traceparent) =>
    Either.gen(function*() {
      const extra = options.headers === undefined ? undefined : yield* Headers.extra(method, options.headers)
      if (sessionId !== undefined && !Headers.isHeaderValue(sessionId)) {
        return yield* Either.left(invalid(method, "sessionId", "must be text that a header can carry"))
      }
      return {
        method: httpMethod,
        origin: config.origin,
        path: config.prefix + path,
        headers: {
          ...(traceparent === undefined ? undefined : { traceparent }),
          ...clientHeaders,
          ...(httpMethod === "GET" ? undefined : { "content-type": "application/json" }),
          ...extra,
          ...(sessionId === undefined ? undefined : { "x-session-id": sessionId }),
          accept
        },
        body: body === undefined ? undefined : yield* serialise(method, body),
        connectTimeout: limitOf(options.connectTimeout ?? config.connectTimeout),
        progress
      }
    })
}

const clocks = ["connect", "attempt", "firstByte", "idle"] as const

/**
 * The clock of zero that a request has, if any: the attempt then fails before it is sent, since it would be interrupted
 * at once and could be billed.
 */
export const spentClock = (
  request: Partial<SendRequest & OpenRequest>
): ClockExpired | undefined => {
  const clock = clocks.find((clock) => request[`${clock}Timeout`] === 0)
  return clock === undefined ? undefined : new ClockExpired({ clock, after: 0, sent: "no" })
}

/**
 * Removes the key from text, as it is and as JSON may write it: with `\/` for `/`, with `\u002f`, and with more
 * backslashes where JSON is a text within JSON.
 */
export interface Scrubber {
  (text: string): string
  /** Removes the key from a text that may end inside it. */
  readonly cut: (text: string) => string
}

const redacted = "<redacted>"

/** The pattern of one character. Each level of JSON in text doubles the backslashes; four levels are searched. */
const formOf = (char: string): string => {
  const hex = char.charCodeAt(0).toString(16).replace(/[a-f]/, (digit) => `[${digit}${digit.toUpperCase()}]`)
  const slashes = char === "/" ? "\\\\{0,16}" : ""
  return `(?:${slashes}${char.replace(/\W/, "\\$&")}|\\\\{1,16}u00${hex})`
}

/** The least length of a cut key that is removed. */
const minCut = 6

/** @param key printable characters of ASCII */
export const scrubOf = (key: string | undefined): Scrubber => {
  if (key === undefined) return Object.assign((text: string) => text, { cut: (text: string) => text })
  const forms = Array.from(key, formOf)
  let whole: RegExp | undefined
  const scrub = (text: string): string => {
    // these searches are the whole cost of a text without the key and such escapes
    if (!text.includes(key) && !text.includes("\\u00") && !(key.includes("/") && text.includes("\\/"))) return text
    whole ??= new RegExp(forms.join(""), "g")
    return text.replace(whole, redacted)
  }
  let end: RegExp | undefined
  const cut = (text: string): string => {
    const more = () => forms.slice(minCut).reduceRight((rest, form) => `(?:${form}${rest})?`, "")
    end ??= new RegExp(`${forms.slice(0, minCut).join("")}${more()}(?:\\\\+(?:u[0-9a-fA-F]{0,3})?)?$`)
    return scrub(text).replace(end, redacted)
  }
  return Object.assign(scrub, { cut })
}
