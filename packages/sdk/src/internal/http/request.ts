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
import { finite, limitOf } from "../core/time.js"
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

const serialise = (method: string, body: unknown): Either.Either<string, InvalidRequestError> => {
  try {
    return Either.right(stringifyJson(body, digitsOfBody(body)))
  } catch (cause) {
    return Either.left(invalid(method, "body", "cannot be written as JSON", { cause }))
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
    const extra = options.headers === undefined ? undefined : Headers.extra(method, options.headers)
    if (extra !== undefined && Either.isLeft(extra)) return Either.left(extra.left)
    if (sessionId !== undefined && !Headers.isHeaderValue(sessionId)) {
      return Either.left(invalid(method, "sessionId", "must be text that a header can carry"))
    }
    const text = body === undefined ? undefined : serialise(method, body)
    if (text !== undefined && Either.isLeft(text)) return Either.left(text.left)
    let headers: Record<string, string> = httpMethod === "GET"
      ? { ...baseHeaders, accept }
      : accept === "application/json"
      ? postHeaders
      : { ...postHeaders, accept }
    if (extra !== undefined) headers = { ...headers, ...extra.right, accept }
    if (sessionId !== undefined) headers = { ...headers, "x-session-id": sessionId }
    if (traceparent !== undefined) headers = { traceparent, ...headers }
    return Either.right({
      method: httpMethod,
      origin: config.origin,
      path: config.prefix + path,
      headers,
      body: text?.right,
      connectTimeout: options.connectTimeout === undefined ? connectTimeout : limitOf(options.connectTimeout),
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

/**
 * Removes the key from text, as it is and as JSON may write it: with `\/` for `/`, with `\u002f`, and with more
 * backslashes where JSON is a text within JSON.
 */
export interface Scrubber {
  (text: string): string
  /** Removes the key from a text that may end inside it. */
  readonly cut: (text: string) => string
  /** The greatest number of characters of the key in any writing. */
  readonly reach: number
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
  if (key === undefined) return Object.assign((text: string) => text, { cut: (text: string) => text, reach: 0 })
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
  return Object.assign(scrub, { cut, reach: 8 * key.length })
}

/**
 * Scrubbing of a text that arrives in chunks and is used in pieces. The pieces are searched only once a chunk has held
 * the key, since one search through a chunk costs a fraction of one through each of its pieces.
 */
export interface ChunkScrubber {
  readonly see: (chunk: string) => void
  readonly scrub: (piece: string) => string
}

export const chunkScrubber = (scrub: Scrubber): ChunkScrubber => {
  // long enough to find a key that two chunks share
  const edge = Math.max(512, scrub.reach)
  let tail = ""
  let found = false
  return {
    see: (chunk) => {
      if (found) return
      const edges = tail === "" ? "" : tail + chunk.slice(0, edge)
      found = scrub(chunk) !== chunk || scrub(edges) !== edges
      tail = chunk.length < edge ? (tail + chunk).slice(-edge) : chunk.slice(-edge)
    },
    scrub: (piece) => found ? scrub(piece) : piece
  }
}
