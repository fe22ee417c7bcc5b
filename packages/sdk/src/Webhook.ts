/**
 * Webhooks of jobs: checks that a delivery came from the service, and tells the waiter of its job to ask now. A webhook
 * is never an answer: results are polled, so that a forged, late, doubled or lost one costs a poll and nothing else.
 *
 * Needs `crypto.subtle` alone: it runs in Node, Bun, Deno, workers and pages, and has no Effect in its types.
 *
 * The signed text is documented nowhere that could be read, so `signed` is an option. Its default is
 * the form that such headers usually have, `<t>.<body>`. `noukai webhooks verify` tells which of the usual forms fits.
 *
 * @since 0.1.0
 */
import { isFields, misnamed, type Names } from "./internal/kit/names.js"

/**
 * Why a delivery was refused. `status` of {@link WebhookError} is what to answer.
 *
 * | code | meaning | status |
 * | --- | --- | --- |
 * | `NO_SIGNATURE` | there is no `X-Noukai-Signature` | 401 |
 * | `MALFORMED_SIGNATURE` | it is not `t=<seconds>,v1=<64 hexadecimal digits>` | 401 |
 * | `WRONG_SIGNATURE` | no secret has signed these bytes | 401 |
 * | `TOO_OLD` | it was signed longer ago than `tolerance` | 401 |
 * | `FROM_THE_FUTURE` | it was signed later than now, by more than `tolerance`: a clock is wrong | 401 |
 * | `TIMESTAMP_DIFFERS` | `X-Noukai-Timestamp` is another time than the signed one | 401 |
 * | `NOT_JSON` | it is signed, and no JSON object | 400 |
 * | `BODY_CHANGED` | its bytes are gone, because something before the handler has read or parsed them | 500 |
 *
 * @since 0.1.0
 * @category errors
 */
export type WebhookErrorCode =
  | "NO_SIGNATURE"
  | "MALFORMED_SIGNATURE"
  | "WRONG_SIGNATURE"
  | "TOO_OLD"
  | "FROM_THE_FUTURE"
  | "TIMESTAMP_DIFFERS"
  | "NOT_JSON"
  | "BODY_CHANGED"

/**
 * A delivery that was refused. Its message has no byte of a secret, of a signature or of the body.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookError extends Error {
  readonly _tag = "WebhookError"
  override readonly name = "WebhookError"
  readonly code: WebhookErrorCode

  constructor(code: WebhookErrorCode, message: string) {
    super(message)
    this.code = code
  }

  /** The status to answer with. */
  get status(): 400 | 401 | 500 {
    return this.code === "NOT_JSON" ? 400 : this.code === "BODY_CHANGED" ? 500 : 401
  }
}

/**
 * The options of {@link verify}.
 *
 * @since 0.1.0
 * @category options
 */
export interface VerifyOptions {
  /**
   * The secrets of the organisation: the new and the old one for 24 hours after a rotation. One that is `undefined` is
   * skipped, such as an environment variable that is not set. An empty one, and none at all, are a `TypeError`.
   */
  readonly secrets: string | ReadonlyArray<string | undefined>
  /** The age at which a delivery is refused, in milliseconds, before and after now. Default: 300,000, 5 minutes. */
  readonly tolerance?: number | undefined
  /** The bytes that are signed, of the time in the signature and the body. Default: `<t>.<body>`. */
  readonly signed?: ((timestamp: string, body: Uint8Array) => Uint8Array) | undefined
  /** The time, in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * A delivery that the service has signed. Its payload is documented nowhere: ask for the run that it is about.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebhookEvent {
  /** `X-Noukai-Event`, such as `flow.completed`. Absent: the delivery named none. */
  readonly type?: string
  /** `X-Noukai-Delivery`, the same for every attempt at a delivery. Absent: the delivery named none. */
  readonly deliveryId?: string
  /** The instant of the signature, in milliseconds since 1970. */
  readonly timestamp: number
  /** The id of the run, where the payload has one. */
  readonly executionId?: string
  /** The key of the job that waits for it, from the address of the request. Handlers set it. */
  readonly job?: string
  /** The payload. */
  readonly body: { readonly [name: string]: unknown }
}

const optionNames: Names<VerifyOptions> = { secrets: true, tolerance: true, signed: true, now: true }

const fiveMinutes = 300_000

/**
 * Returns the first option of {@link verify} that is wrong, and why. `undefined`: `verify` takes them. A handler calls it
 * when it starts, so that an empty secret does not wait for the first delivery.
 *
 * @since 0.1.0
 * @category combinators
 */
export const optionsProblem = (
  options: unknown
): { readonly field: string; readonly reason: string } | undefined => {
  if (!isFields(options)) return { field: "options", reason: "must be an object with secrets" }
  const found = misnamed("options", options, optionNames)
  if (found !== undefined) return found
  const { now, secrets, signed, tolerance } = options
  if (tolerance !== undefined && !(typeof tolerance === "number" && tolerance > 0 && tolerance < Infinity)) {
    return { field: "tolerance", reason: "must be a number of milliseconds, more than 0 and finite" }
  }
  if (signed !== undefined && typeof signed !== "function") return { field: "signed", reason: "must be a function" }
  if (now !== undefined && typeof now !== "function") return { field: "now", reason: "must be a function" }
  const all: ReadonlyArray<unknown> = Array.isArray(secrets) ? secrets : [secrets]
  const set = all.filter((secret) => secret !== undefined)
  if (set.length === 0) {
    return { field: "secrets", reason: "has no secret: give the organisation's, or set the variable that has it" }
  }
  const wrong = all.findIndex((secret) => secret !== undefined && (typeof secret !== "string" || secret.trim() === ""))
  if (wrong < 0) return undefined
  const reason = typeof all[wrong] === "string" ? "is empty: is its variable set?" : "must be text"
  return { field: Array.isArray(secrets) ? `secrets[${wrong}]` : "secrets", reason }
}

interface Signature {
  readonly timestamp: string
  readonly signatures: ReadonlyArray<Uint8Array<ArrayBuffer>>
}

const malformed = (reason: string) =>
  new WebhookError(
    "MALFORMED_SIGNATURE",
    `X-Noukai-Signature ${reason}: it must be t=<seconds>,v1=<64 hexadecimal digits>`
  )

const longestHeader = 4096

/** Reads `t=<seconds>,v1=<hex>[,v2=<hex>…]`. Parts with other names are left out. */
const readSignature = (header: string): Signature => {
  if (header.length > longestHeader) throw malformed(`has ${header.length} characters`)
  const parts = header.split(",").map((part) => {
    const [name = "", ...value] = part.trim().split("=")
    return { name, value: value.join("=") }
  })
  const times = parts.filter(({ name }) => name === "t")
  if (times.length !== 1) throw malformed(times.length === 0 ? "has no t" : "has several t")
  const timestamp = times[0]!.value
  if (!/^\d{1,12}$/.test(timestamp)) throw malformed("has a t that is no number of seconds")
  const versions = parts.filter(({ name }) => /^v[1-9]$/.test(name))
  if (versions.length === 0) throw malformed("has no v1")
  return {
    timestamp,
    signatures: versions.map(({ name, value }) => {
      if (!/^[0-9a-f]{64}$/i.test(value)) throw malformed(`has a ${name} of another form`)
      return Uint8Array.from(value.match(/../g)!, (digits) => Number.parseInt(digits, 16))
    })
  }
}

const encoder = new TextEncoder()

const usual = (timestamp: string, body: Uint8Array): Uint8Array => {
  const start = encoder.encode(`${timestamp}.`)
  const all = new Uint8Array(start.length + body.length)
  all.set(start)
  all.set(body, start.length)
  return all
}

/** Whether one of the secrets made one of the signatures. Each pair is compared, in constant time. */
const isSigned = async (
  secrets: ReadonlyArray<string>,
  signatures: Signature["signatures"],
  signed: Uint8Array
): Promise<boolean> => {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  if (subtle === undefined) throw new TypeError("Webhook: this platform has no crypto.subtle, which verify needs")
  // the bytes may be shared memory, which crypto does not take
  const bytes = Uint8Array.from(signed)
  const found = await Promise.all(secrets.map(async (secret) => {
    const hmac = { name: "HMAC", hash: "SHA-256" }
    const key = await subtle.importKey("raw", encoder.encode(secret), hmac, false, ["verify"])
    return Promise.all(signatures.map((signature) => subtle.verify("HMAC", key, signature, bytes)))
  }))
  return found.flat().includes(true)
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} seconds`

const readBody = (body: Uint8Array): WebhookEvent["body"] => {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body))
    if (isFields(value)) return value
  } catch {
    // the error would show the body
  }
  throw new WebhookError("NOT_JSON", "the delivery is signed, and its body is no JSON object")
}

/** The bytes of a body, also of another realm, such as the one of a test; `undefined` for anything else. */
const bytesOf = (body: unknown): Uint8Array | undefined => {
  const kind = Object.prototype.toString.call(body)
  if (kind === "[object Uint8Array]") return body as Uint8Array
  return kind === "[object ArrayBuffer]" ? new Uint8Array(body as ArrayBuffer) : undefined
}

/**
 * Verifies a delivery: its signature first, then its age, then that its body is a JSON object. Rejects with a
 * {@link WebhookError}; with a `TypeError` where the options are wrong.
 *
 * `body` are the bytes as they arrived. Text is refused (`BODY_CHANGED`), since it was decoded; so is `undefined`, which is
 * what is left after a parser of the server. `header` returns a header by its lower-case name.
 *
 * @example
 * ```ts
 * import { verify } from "@effect-noukai/sdk/Webhook"
 *
 * export const POST = async (request: Request) => {
 *   const event = await verify(await request.arrayBuffer(), (name) => request.headers.get(name), {
 *     secrets: [process.env.NOUKAI_WEBHOOK_SECRET, process.env.NOUKAI_WEBHOOK_SECRET_OLD]
 *   })
 *   return Response.json({ received: event.deliveryId })
 * }
 * ```
 *
 * @see docs/wire.md#webhooks
 * @since 0.1.0
 * @category combinators
 */
export const verify = async (
  body: Uint8Array | ArrayBuffer | undefined,
  header: (name: string) => string | null | undefined,
  options: VerifyOptions
): Promise<WebhookEvent> => {
  const wrong = optionsProblem(options)
  if (wrong !== undefined) throw new TypeError(`verify: ${wrong.field} ${wrong.reason}`)
  const secrets = [options.secrets].flat().filter((secret) => secret !== undefined)
  // a module without Effect has no Clock
  // eslint-disable-next-line no-restricted-properties
  const { now = Date.now, signed = usual, tolerance = fiveMinutes } = options
  const arrived = bytesOf(body)
  if (arrived === undefined) {
    throw new WebhookError(
      "BODY_CHANGED",
      "the bytes of the body are gone, because something before this handler has parsed them: verify before any body " +
        "parser, or keep the bytes"
    )
  }
  const text = header("x-noukai-signature") ?? ""
  if (text === "") throw new WebhookError("NO_SIGNATURE", "the request has no X-Noukai-Signature")
  const { signatures, timestamp } = readSignature(text)
  if (!await isSigned(secrets, signatures, signed(timestamp, arrived))) {
    throw new WebhookError(
      "WRONG_SIGNATURE",
      `none of ${secrets.length} secret${
        secrets.length === 1 ? "" : "s"
      } has signed this body: the secret is another ` +
        "one, or the body was changed on its way"
    )
  }
  const at = Number(timestamp) * 1000
  const age = now() - at
  if (Number.isNaN(age)) throw new TypeError("verify: now must return a number of milliseconds")
  if (age > tolerance) {
    throw new WebhookError(
      "TOO_OLD",
      `it was signed ${seconds(age)} ago, and at most ${seconds(tolerance)} are allowed`
    )
  }
  if (-age > tolerance) {
    throw new WebhookError("FROM_THE_FUTURE", `it was signed ${seconds(-age)} from now: a clock is wrong`)
  }
  const said = header("x-noukai-timestamp") ?? ""
  if (said !== "" && said !== timestamp) {
    throw new WebhookError("TIMESTAMP_DIFFERS", "X-Noukai-Timestamp is another time than the signed one")
  }
  const value = readBody(arrived)
  const type = header("x-noukai-event") ?? ""
  const deliveryId = header("x-noukai-delivery") ?? ""
  const { executionId } = value
  return {
    timestamp: at,
    body: value,
    ...(type === "" ? undefined : { type }),
    ...(deliveryId === "" ? undefined : { deliveryId }),
    ...(typeof executionId === "string" ? { executionId } : undefined)
  }
}

/**
 * Carries a webhook from the handler that received it to the waiter of its job. Two functions, so that a store can carry
 * it from the process that received it to the one that waits.
 *
 * @since 0.1.0
 * @category models
 */
export interface Nudges {
  /** Takes a verified delivery. One that names no job is left alone. */
  readonly onEvent: (event: Pick<WebhookEvent, "job">) => void | Promise<void>
  /** Resolves when a delivery for the job has come, also before this call. Leaves nothing behind when it is aborted. */
  readonly wait: (job: string, signal: AbortSignal) => Promise<void>
}

/** The most deliveries that are kept for waits that have not begun. The oldest is dropped, and costs its job a poll. */
const mostKept = 100_000

/**
 * Carries webhooks within one process.
 *
 * @example
 * ```ts
 * import { JobService } from "@effect-noukai/sdk"
 * import { nudges } from "@effect-noukai/sdk/Webhook"
 * import { Effect } from "effect"
 *
 * const inbox = nudges() // `webhooks({ secrets, onEvent: inbox.onEvent })` is the handler
 *
 * const grade = Effect.gen(function*() {
 *   const jobs = yield* JobService
 *   const callback = { url: "https://me.example/hooks/noukai", nudges: inbox }
 *   const job = yield* jobs.submit("acme/spelling/grade-3", { message: "The cat sat.", callback })
 *   return yield* job.result({ timeout: "1 hour" })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const nudges = (): Nudges => {
  const kept = new Map<string, number>()
  const waiting = new Map<string, Set<() => void>>()
  return {
    onEvent: ({ job }) => {
      if (job === undefined) return
      const waiters = waiting.get(job)
      if (waiters !== undefined) {
        waiting.delete(job)
        for (const wake of waiters) wake()
        return
      }
      // jobs of one session may share the key, and each of them is waited for
      kept.set(job, (kept.get(job) ?? 0) + 1)
      if (kept.size > mostKept) kept.delete(kept.keys().next().value!)
    },
    wait: (job, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const early = kept.get(job) ?? 0
        if (early > 1) kept.set(job, early - 1)
        else kept.delete(job)
        if (early > 0) return resolve()
        const waiters = waiting.get(job) ?? new Set()
        waiting.set(job, waiters)
        const leave = () => {
          waiters.delete(wake)
          if (waiters.size === 0 && waiting.get(job) === waiters) waiting.delete(job)
          reject(signal.reason as Error)
        }
        const wake = () => {
          signal.removeEventListener("abort", leave)
          resolve()
        }
        waiters.add(wake)
        signal.addEventListener("abort", leave, { once: true })
      })
  }
}
