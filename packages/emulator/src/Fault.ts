/**
 * Faults of responses, written as text.
 *
 * A request has one list of faults, separated by commas. It comes from the header `X-Noukai-Emulator-Fault` or from a
 * script: `crlf,split:1,cut:e3`.
 *
 * | fault | effect |
 * | --- | --- |
 * | `ok` | nothing |
 * | `<status>` | that status in place of an answer; nothing runs. `503:BILLING_UNAVAILABLE` sets the code, `429:retry=12` sets `Retry-After`; `502:html`, `500:text`, `422:list` and `500:empty` set the shape of the body; `404:body=%7B%7D` sets the body itself, percent-encoded |
 * | `reset` | the connection is reset before anything runs; `reset:late` after it ran, before the response; `reset:b<n>`, `reset:e<n>` within the body (a client that had not read all of it yet may see an end instead) |
 * | `cut:b<n>`, `cut:e<n>` | the connection is closed after n bytes of the body, or after n events |
 * | `end:b<n>`, `end:e<n>` | the body ends there, without an error |
 * | `delay:<ms>` | nothing is sent for that time |
 * | `stall:<ms>` | silence after the headers and, on a stream, the first event; `stall:<ms>:b<n>`, `stall:<ms>:e<n>` after that much |
 * | `split:<n>` | the body is written n bytes at a time |
 * | `drip:<n>:<ms>` | n bytes at a time, with a pause between |
 * | `crlf`, `cr` | the line ends of events |
 * | `bom` | the body begins with a byte order mark |
 * | `unterminated` | the last event has no blank line |
 * | `comment` | a comment before each event |
 * | `unknown` | an event of an unknown name before each event |
 * | `malformed` | an event that is not JSON, before the first; `malformed:e<n>` spoils the n-th event |
 * | `drop:e<n>`, `repeat:e<n>` | the n-th event is left out, or sent twice |
 * | `row:<ms>` | on `/jobs`: polls do not find the job for that time |
 * | `cancel`, `cancel:<ms>` | on `/jobs`: the job is cancelled when it begins, or after that time |
 * | `html`, `empty` | a 200 whose body is a page, or empty; the flow of `/execute` has run |
 *
 * A webhook takes its own faults, from rules whose `match.endpoint` is `webhook`. A delivery takes the next entry, for all
 * of its attempts:
 *
 * | fault | effect |
 * | --- | --- |
 * | `late:<ms>` | it is sent that much later |
 * | `twice` | each attempt is sent twice at the same time |
 * | `reorder` | it is sent after the next delivery, or after 10 seconds |
 * | `signature` | its signature is of another secret |
 * | `old` | it was signed an hour ago |
 * | `changed` | its body is the same JSON in other bytes than those that were signed |
 * | `drop` | it is never sent |
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { FlowRef } from "./Flow.js"
import { type ServedName, servedNames } from "./internal/server/served.js"

/**
 * A place in a body: after a number of bytes or of events.
 *
 * @since 0.1.0
 * @category models
 */
export interface Position {
  readonly unit: "bytes" | "events"
  readonly count: number
}

/**
 * The shape of an error body.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorShape = "coded" | "text" | "list" | "empty" | "html"

/**
 * One fault.
 *
 * @since 0.1.0
 * Seconds, or any text.
 */
export type Fault =
  | {
    readonly type: "status"
    readonly status: number
    readonly code?: string
    readonly shape: ErrorShape
    /** The whole body, in place of one of that shape. */
    readonly body?: string
    /** Seconds, or any text. */
    readonly retryAfter?: string
  }
  | { readonly type: "reset"; readonly when: "early" | "late" | Position }
  | { readonly type: "cut"; readonly at: Position }
  | { readonly type: "end"; readonly at: Position }
  | { readonly type: "delay"; readonly ms: number }
  | { readonly type: "row"; readonly ms: number }
  | { readonly type: "cancel"; readonly ms: number }
  | { readonly type: "stall"; readonly ms: number; readonly at?: Position }
  | { readonly type: "split"; readonly bytes: number }
  | { readonly type: "drip"; readonly bytes: number; readonly ms: number }
  | { readonly type: "newline"; readonly newline: "\r\n" | "\r" }
  | { readonly type: "bom" | "unterminated" | "comment" | "unknown" | "html" | "empty" }
  | { readonly type: "malformed"; readonly event?: number }
  | { readonly type: "drop" | "repeat"; readonly event: number }
  | WebhookFault

/**
 * One fault of a webhook.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebhookFault {
  readonly type: "webhook"
  readonly how: "late" | "twice" | "reorder" | "signature" | "old" | "changed" | "drop"
  /** The time of `late`; 0 for any other. */
  readonly ms: number
}

const shapes: ReadonlySet<string> = new Set<ErrorShape>(["text", "list", "empty", "html"])

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const parseStatus = (status: number, rest: ReadonlyArray<string>): Fault | undefined => {
  let body: string | undefined
  let code: string | undefined
  let shape: ErrorShape = "coded"
  let retryAfter: string | undefined
  for (const part of rest) {
    if (/^[A-Z][A-Z0-9_]*$/.test(part)) code = part
    else if (shapes.has(part)) shape = part as ErrorShape
    else if (part.startsWith("retry=")) retryAfter = part.slice("retry=".length)
    else if (part.startsWith("body=")) {
      body = decoded(part.slice("body=".length))
      if (body === undefined) return undefined
    } else return undefined
  }
  return {
    type: "status",
    status,
    ...(code === undefined ? undefined : { code }),
    shape,
    ...(body === undefined ? undefined : { body }),
    ...(retryAfter === undefined ? undefined : { retryAfter })
  }
}

const position = (unit: string, count: string): Position => ({
  unit: unit === "b" ? "bytes" : "events",
  count: Number(count)
})

/** The faults besides statuses, by their text. */
const grammar: ReadonlyArray<readonly [pattern: RegExp, make: (...groups: ReadonlyArray<string>) => Fault]> = [
  [/^reset$/, () => ({ type: "reset", when: "early" })],
  [/^reset:late$/, () => ({ type: "reset", when: "late" })],
  [/^reset:([be])(\d{1,10})$/, (unit, count) => ({ type: "reset", when: position(unit, count) })],
  [/^cut:([be])(\d{1,10})$/, (unit, count) => ({ type: "cut", at: position(unit, count) })],
  [/^end:([be])(\d{1,10})$/, (unit, count) => ({ type: "end", at: position(unit, count) })],
  [/^delay:(\d{1,10})$/, (ms) => ({ type: "delay", ms: Number(ms) })],
  [/^row:(\d{1,10})$/, (ms) => ({ type: "row", ms: Number(ms) })],
  [/^cancel(?::(\d{1,10}))?$/, (ms = "0") => ({ type: "cancel", ms: Number(ms) })],
  [/^stall:(\d{1,10})$/, (ms) => ({ type: "stall", ms: Number(ms) })],
  [
    /^stall:(\d{1,10}):([be])(\d{1,10})$/,
    (ms, unit, count) => ({ type: "stall", ms: Number(ms), at: position(unit, count) })
  ],
  [/^split:(?!0+$)(\d{1,10})$/, (bytes) => ({ type: "split", bytes: Number(bytes) })],
  [/^drip:(?!0+:)(\d{1,10}):(\d{1,10})$/, (bytes, ms) => ({ type: "drip", bytes: Number(bytes), ms: Number(ms) })],
  [/^crlf$/, () => ({ type: "newline", newline: "\r\n" })],
  [/^cr$/, () => ({ type: "newline", newline: "\r" })],
  ...(["bom", "unterminated", "comment", "unknown", "html", "empty", "malformed"] as const).map((type) =>
    [new RegExp(`^${type}$`), () => ({ type })] as const
  ),
  [/^malformed:e([1-9]\d{0,8})$/, (event) => ({ type: "malformed", event: Number(event) })],
  [/^drop:e([1-9]\d{0,8})$/, (event) => ({ type: "drop", event: Number(event) })],
  [/^repeat:e([1-9]\d{0,8})$/, (event) => ({ type: "repeat", event: Number(event) })],
  [/^late:(\d{1,10})$/, (ms) => ({ type: "webhook", how: "late", ms: Number(ms) })],
  ...(["twice", "reorder", "signature", "old", "changed", "drop"] as const).map((how) =>
    [new RegExp(`^${how}$`), (): Fault => ({ type: "webhook", how, ms: 0 })] as const
  )
]

const parseOne = (text: string): Fault | undefined => {
  const [name = "", ...rest] = text.split(":")
  if (/^[2-5]\d\d$/.test(name)) return parseStatus(Number(name), rest)
  for (const [pattern, make] of grammar) {
    const match = pattern.exec(text)
    if (match !== null) return make(...match.slice(1))
  }
  return undefined
}

/**
 * Parses a list of faults. `ok` and empty text are an empty list. Fails with a sentence that quotes the first invalid
 * fault.
 *
 * @since 0.1.0
 * @category combinators
 */
export const parse = (text: string): Either.Either<ReadonlyArray<Fault>, string> => {
  const faults: Array<Fault> = []
  for (const part of text.split(",").map((piece) => piece.trim())) {
    if (part === "" || part === "ok") continue
    const fault = parseOne(part)
    if (fault === undefined) return Either.left(`"${part}" is not a fault`)
    faults.push(fault)
  }
  return Either.right(faults)
}

/**
 * The schema of a list of faults as text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FaultText: Schema.Schema<string> = Schema.String.pipe(
  Schema.filter((text) => Either.getOrElse(Either.flip(Either.map(parse(text), () => undefined)), () => undefined), {
    jsonSchema: { type: "string" },
    description: "faults, separated by commas: ok, 503, cut:e3, stall:10000, reset, split:1, crlf, …"
  })
).annotations({ identifier: "Fault" })

/**
 * The name of an endpoint in rules of faults. It is the name of the operation, or `webhook` for the webhooks of jobs.
 *
 * @since 0.1.0
 * @category models
 */
export type FaultEndpoint = ServedName | "webhook"

/**
 * The names of the endpoints in rules of faults.
 *
 * @since 0.1.0
 * @category models
 */
export const faultEndpoints: ReadonlyArray<FaultEndpoint> = [...servedNames, "webhook"]

const isEndpoint = (name: string): name is FaultEndpoint => faultEndpoints.some((one) => one === name)

/**
 * The requests to which a rule applies. An absent field matches every request. Webhooks are matched by the endpoint
 * `webhook` alone.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FaultMatch = Schema.Struct({
  /** The name of an endpoint, which is the name of its operation: `execute`, `pollJob`, `session`; or `webhook`. */
  endpoint: Schema.optional(Schema.String.pipe(
    Schema.filter((name) => isEndpoint(name) || `must be one of ${faultEndpoints.join(", ")}`, {
      jsonSchema: { enum: faultEndpoints }
    })
  )),
  /** `org/project/flow`. */
  flow: Schema.optional(FlowRef),
  /** The only request of the matching ones that the rule applies to, from 1. */
  nth: Schema.optional(Schema.Int.pipe(Schema.positive()))
}).annotations({ identifier: "FaultMatch" })

/**
 * Faults by script. Each matching request takes the next entry. After the last entry requests have no faults, or the
 * script begins again if `repeat` is set.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FaultScript = Schema.Struct({
  /** Default: every request. */
  match: Schema.optional(FaultMatch),
  script: Schema.NonEmptyArray(FaultText),
  /** Default false. */
  repeat: Schema.optional(Schema.Boolean)
}).annotations({ identifier: "FaultScript" })

/**
 * Faults by chance. A matching request takes one of `faults` with the probability `rate`. The same seed and requests
 * give the same faults.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FaultDice = Schema.Struct({
  /** Default: every request. */
  match: Schema.optional(FaultMatch),
  /** From 0 to 1. */
  rate: Schema.Number.pipe(Schema.between(0, 1)),
  faults: Schema.NonEmptyArray(FaultText),
  /** Default: the seed of the emulator. */
  seed: Schema.optional(Schema.Int)
}).annotations({ identifier: "FaultDice" })

/** Why a list of faults is not one of webhooks, or not one of requests. */
const kindMistake = (text: string, ofWebhooks: boolean): string | undefined => {
  const faults = Either.getOrElse(parse(text), () => [])
  if (faults.every(({ type }) => (type === "webhook") === ofWebhooks)) return undefined
  return ofWebhooks
    ? `"${text}" is a fault of requests: a webhook takes late:<ms>, twice, reorder, signature, old, changed or drop`
    : `"${text}" is a fault of webhooks: write match: { endpoint: "webhook" }`
}

/**
 * Schema of {@link FaultRule}.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FaultRule = Schema.Union(FaultScript, FaultDice).pipe(
  Schema.filter(
    (rule) => {
      const [field, texts] = "script" in rule ? ["script", rule.script] as const : ["faults", rule.faults] as const
      return texts.flatMap((text, place) => {
        const message = kindMistake(text, rule.match?.endpoint === "webhook")
        return message === undefined ? [] : [{ path: [field, place], message }]
      })
    },
    { jsonSchema: {} }
  )
).annotations({ identifier: "FaultRule" })

/**
 * A rule for the faults of requests. A request takes the fault of the first rule that has one.
 *
 * @since 0.1.0
 * @category models
 */
export type FaultRule = typeof FaultRule.Type
