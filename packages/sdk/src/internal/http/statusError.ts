/**
 * Maps responses that are not 2xx to errors. The only place that maps statuses.
 *
 * @see contract 11
 */
import * as Predicate from "effect/Predicate"
import * as E from "../../NoukaiError.js"
import { known, unchecked } from "../core/makeError.js"
import type { TransportError, TransportResponse } from "./HttpTransport.js"
import { clientClosed, isTransientStatus } from "./retry.js"

/** The facts of a call that its errors carry. */
export interface CallFacts {
  readonly method: string
  readonly flow: string | undefined
  readonly isPost: boolean
  readonly executionId: string | undefined
  /** Removes the key from text that the server sent. */
  readonly scrub: (text: string) => string
}

const maxBodyBytes = 65_536

/** The body of an error: without the key, at most 64 KiB. */
const keepBody = (facts: CallFacts, body: string): string => {
  const safe = facts.scrub(body)
  if (safe.length * 3 <= maxBodyBytes) return safe
  return safe.slice(0, new TextEncoder().encodeInto(safe, new Uint8Array(maxBodyBytes)).read)
}

interface ServerProblem {
  readonly code: E.ErrorCode | undefined
  readonly detail: string | undefined
  readonly executionId: string | undefined
}

const record = (u: unknown): { readonly [key: string]: unknown } | undefined => Predicate.isRecord(u) ? u : undefined

const text = (u: unknown): string | undefined => typeof u === "string" && u !== "" ? u : undefined

const parse = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const isPlace = (part: unknown): boolean => (typeof part === "string" && part !== "body") || typeof part === "number"

const place = (loc: unknown): string => Array.isArray(loc) ? loc.filter(isPlace).join(".") : ""

const validationIssue = (issue: unknown): string | undefined => {
  const message = text(issue) ?? text(record(issue)?.msg)
  if (message === undefined) return undefined
  const at = place(record(issue)?.loc)
  return at === "" ? message : `${at}: ${message}`
}

/** The text of a proxy's page in a few words, without tags, with white space folded. */
const excerpt = (body: string): string | undefined => {
  const plain = body.slice(0, 4096).replace(/<(script|style)[^]*?<\/\1>/gi, " ").replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ").trim()
  return plain === "" ? undefined : plain.length > 200 ? `${plain.slice(0, 200)}…` : plain
}

const codeShape = /^[A-Z][A-Z0-9_]+$/

/** The problem of a body that is only text, which may be a code, as of a relay. */
const ofText = (words: string, executionId?: string): ServerProblem => ({
  code: codeShape.test(words) ? words : undefined,
  detail: text(words),
  executionId
})

/** The problem of an error body, also of a gateway's. */
const readProblem = (body: string): ServerProblem => {
  const parsed = parse(body)
  if (typeof parsed === "string") return ofText(parsed)
  const fields = record(parsed)
  if (fields === undefined) return { code: undefined, detail: excerpt(body), executionId: undefined }
  const { detail, error } = fields
  const executionId = text(fields.executionId)
  if (typeof detail === "string") return ofText(detail, executionId)
  if (Array.isArray(detail)) {
    const issues = detail.map(validationIssue).filter((issue) => issue !== undefined)
    return { code: undefined, detail: issues.length === 0 ? undefined : issues.join("; "), executionId }
  }
  if (typeof error === "string" && record(detail) === undefined && text(fields.message) === undefined) {
    const problem = ofText(error, executionId)
    return { ...problem, code: text(fields.code) ?? problem.code }
  }
  const inner = record(detail) ?? record(error) ?? fields
  return {
    code: text(inner.code) ?? text(fields.code),
    detail: text(inner.message) ?? text(inner.error) ?? text(inner.detail) ?? text(fields.message) ??
      (record(detail) === undefined ? excerpt(body) : undefined),
    executionId: text(inner.executionId) ?? executionId
  }
}

/** The three forms of a date. The form of `asctime` is in GMT, too. */
const httpDate =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? (\d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} [\d:]{8} GMT|[A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/

/** The wait in seconds, from a number or an HTTP date; `undefined` for garbage. */
const retryAfterSeconds = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined) return undefined
  const trimmed = value.trim()
  // a number with too many digits for a double is still a number
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Math.min(Number(trimmed), Number.MAX_SAFE_INTEGER)
  if (!httpDate.test(trimmed)) return undefined
  const at = Date.parse(trimmed.endsWith("GMT") ? trimmed : `${trimmed} GMT`)
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000)
}

/** Matches the mention of a run: a key for its id, with a value; a run with its fields; its id in a sentence. */
const runIn = new RegExp(
  [
    String.raw`(?:execution|run)[_-]?id\\*["']?\s*[:=]\s*(?!null\b|''|\\*""|\\+"\\+"|[,}\s])`,
    String.raw`"(?:execution|run)\\*"\s*:\s*(?:\{|\\*"[^"\\])`,
    String.raw`\b(?:execution|run)\W{1,3}[0-9a-f]{8}-[0-9a-f]{4}-`
  ].join("|"),
  "i"
)

/**
 * Whether a refusal names a run, which then may have begun.
 */
const namesARun = (problem: ServerProblem, body: string): boolean =>
  problem.executionId !== undefined || runIn.test(body)

/** Whether the call may be made again after this answer without starting a second run. */
const isRetryable = (facts: CallFacts, status: number, problem: ServerProblem, body: string): boolean => {
  if (!facts.isPost) return status === 429 || isTransientStatus(status)
  return status === 429 && (facts.executionId !== undefined || !namesARun(problem, body))
}

/** The error of a status that is not 2xx. */
export const fromStatus = (
  facts: CallFacts,
  response: TransportResponse,
  body: string,
  now: number
): E.ApiError => {
  const { status } = response
  const problem = readProblem(body)
  const scrubbed = (value: string | undefined) => value === undefined ? undefined : facts.scrub(value)
  const props = known({
    method: facts.method,
    flow: facts.flow,
    detail: scrubbed(problem.detail),
    statusCode: status,
    code: scrubbed(problem.code),
    executionId: facts.executionId ?? scrubbed(problem.executionId),
    requestId: scrubbed(response.header("x-request-id")),
    responseBody: keepBody(facts, body),
    isRetryable: isRetryable(facts, status, problem, body)
  })
  switch (status) {
    case 401:
      return new E.AuthenticationError(
        known({ ...props, wwwAuthenticate: scrubbed(response.header("www-authenticate")) }),
        unchecked
      )
    case 402:
      return new E.InsufficientCreditsError(props, unchecked)
    case 403:
      return new E.PermissionDeniedError(props, unchecked)
    case 404:
      return new E.FlowNotFoundError(props, unchecked)
    case 429:
      return new E.RateLimitError(
        known({ ...props, retryAfter: retryAfterSeconds(response.header("retry-after"), now) }),
        unchecked
      )
    default:
      return new E.FlowExecutionError(
        known({
          ...props,
          detail: props.detail ?? (status >= 300 && status < 400 ? "redirects are not followed" : undefined),
          retryAfter: status === 503 ? retryAfterSeconds(response.header("retry-after"), now) : undefined
        }),
        unchecked
      )
  }
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
    new E.UnexpectedResponseError(known({ ...base, statusCode, reason }), unchecked)
  switch (error._tag) {
    case "ConnectionFailure": {
      const { cause, reason, sent } = error
      return new E.APIConnectionError(known({ ...base, detail: scrub(reason), sent, cause }), unchecked)
    }
    case "TransportClosed": {
      const detail = "the client is closed"
      const { sent } = error
      return new E.APIConnectionError(
        known({ ...base, detail, code: clientClosed, sent, isRetryable: false }),
        unchecked
      )
    }
    case "ClockExpired": {
      const { after, clock, sent } = error
      return new E.APITimeoutError(known({ ...base, detail: `after ${after} ms`, clock, sent }), unchecked)
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
  const fields = record(json)
  return new E.UnexpectedResponseError(
    known({
      method,
      flow,
      reason: scrub(reason),
      statusCode: response.status,
      executionId: facts.executionId ?? text(fields?.executionId),
      requestId: requestId === undefined ? undefined : scrub(requestId),
      responseBody: keepBody(facts, body),
      result: fields?.result,
      isRetryable: false
    }),
    unchecked
  )
}

/**
 * The error of a failed fetch of a session. `isAbsence` reads the body of a 404.
 *
 * @see contract 10.4
 */
export const ofSession = (isAbsence: (body: string) => boolean) =>
(
  error: E.ApiError | E.InvalidRequestError | E.UnexpectedResponseError
): Exclude<E.SessionError, E.ReplayMissError> => {
  const { code, detail, executionId, method, requestId, responseBody, statusCode } = error
  const props = known({ method, detail, statusCode, code, executionId, requestId, responseBody, isRetryable: false })
  switch (error._tag) {
    case "PermissionDeniedError":
      return new E.ReplayForbiddenError(props, unchecked)
    case "FlowNotFoundError":
      return new E.ReplaySessionNotFoundError({ ...props, isAbsent: isAbsence(responseBody ?? "") }, unchecked)
    case "FlowExecutionError":
      return statusCode === 400
        ? new E.ReplayInvalidSessionError(props, unchecked)
        : statusCode === 410
        ? new E.ReplaySessionExpiredError(props, unchecked)
        : error
    default:
      return error
  }
}
