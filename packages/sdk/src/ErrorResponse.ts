/**
 * Responses outside 2xx, and the errors that they become. The only place that maps statuses. It needs no Effect, so that
 * small programs can read responses as the clients do.
 *
 * @see docs/wire.md#errors
 * @since 0.1.0
 */

/**
 * The error class of each status. Any other status outside 2xx is a `FlowExecutionError`.
 *
 * @since 0.1.0
 * @category models
 */
export const errorOfStatus = {
  401: "AuthenticationError",
  402: "InsufficientCreditsError",
  403: "PermissionDeniedError",
  404: "FlowNotFoundError",
  429: "RateLimitError"
} as const

/**
 * The error that a response becomes, without the facts of its call.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorResponse {
  readonly _tag: (typeof errorOfStatus)[keyof typeof errorOfStatus] | "FlowExecutionError"
  readonly statusCode: number
  /** The code of the server, of a gateway or of a relay. */
  readonly code?: string | undefined
  /** The words of the server. Absent if it sent none. */
  readonly detail?: string | undefined
  readonly executionId?: string | undefined
  readonly requestId?: string | undefined
  /** The body, at most 64 KiB. */
  readonly responseBody: string
  /** Seconds, of a 429 or 503. */
  readonly retryAfter?: number | undefined
  /** Of a 401. */
  readonly wwwAuthenticate?: string | undefined
  /** Whether the body names a run, which then may have begun and may be billed. */
  readonly namesRun: boolean
}

const maxBodyBytes = 65_536

/**
 * Returns the part of a body that an error keeps: at most 64 KiB of UTF-8.
 *
 * @since 0.1.0
 * @category combinators
 */
export const keepBody = (body: string): string => {
  if (body.length * 3 <= maxBodyBytes) return body
  return body.slice(0, new TextEncoder().encodeInto(body, new Uint8Array(maxBodyBytes)).read)
}

interface ServerProblem {
  readonly code: string | undefined
  readonly detail: string | undefined
  readonly executionId: string | undefined
}

const record = (u: unknown): { readonly [key: string]: unknown } | undefined =>
  typeof u === "object" && u !== null && !Array.isArray(u) ? u as { readonly [key: string]: unknown } : undefined

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

const tagOf = (status: number): ErrorResponse["_tag"] => {
  const tags: { readonly [status: number]: ErrorResponse["_tag"] } = errorOfStatus
  return tags[status] ?? "FlowExecutionError"
}

/**
 * Reads a response outside 2xx. `now` is the time in milliseconds since 1970, for a `Retry-After` that is a date. `scrub`
 * removes secrets from the words of the server.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readErrorResponse = (
  { body, header, status }: {
    readonly status: number
    readonly header: (name: string) => string | undefined
    readonly body: string
  },
  now: number,
  scrub: (text: string) => string = (text) => text
): ErrorResponse => {
  const problem = readProblem(body)
  const scrubbed = (value: string | undefined) => value === undefined ? undefined : scrub(value)
  return {
    _tag: tagOf(status),
    statusCode: status,
    code: scrubbed(problem.code),
    detail: scrubbed(problem.detail) ?? (status >= 300 && status < 400 ? "redirects are not followed" : undefined),
    executionId: scrubbed(problem.executionId),
    requestId: scrubbed(header("x-request-id")),
    responseBody: keepBody(scrub(body)),
    retryAfter: status === 429 || status === 503 ? retryAfterSeconds(header("retry-after"), now) : undefined,
    wwwAuthenticate: status === 401 ? scrubbed(header("www-authenticate")) : undefined,
    namesRun: namesARun(problem, body)
  }
}
