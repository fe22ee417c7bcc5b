/**
 * Answers the requests of webhooks.
 *
 * @see docs/wire.md#webhooks
 */
import type { Names } from "@effect-noukai/sdk/kit/names"
import { optionsProblem, verify, type VerifyOptions, WebhookError, type WebhookEvent } from "@effect-noukai/sdk/Webhook"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Struct from "effect/Struct"
import * as Relay from "../Relay.js"
import { type Deliveries, deliveries as inProcess, type WebhookOptions } from "../Webhooks.js"
import { safe, toConsole } from "./handledError.js"
import { type JsonAnswer, jsonAnswer } from "./jsonAnswer.js"
import { refuseMisnamed } from "./names.js"
import { invalid, limit } from "./relay/answer.js"
import { type Pull, readParts } from "./relay/readBody.js"
import { promised, Thrown } from "./untrusted.js"

/** A request of a webhook. */
export interface Delivered {
  readonly method: string
  /** The address of the request, or its path. */
  readonly url: string
  readonly header: (name: string) => string | null | undefined
  /** The bytes of the body; `undefined` where something has read them before. */
  readonly body: Uint8Array | Pull | undefined
}

/** An answer, and whether the body has been read to its end. */
export interface WebhookAnswer extends JsonAnswer {
  readonly isRead: boolean
}

const names: Names<WebhookOptions> = {
  secrets: true,
  tolerance: true,
  signed: true,
  now: true,
  onEvent: true,
  // a store may have more members than these three
  deliveries: true,
  maxBodyBytes: true
}

const answer = (status: number, body: unknown, isRead = true): WebhookAnswer => ({
  ...jsonAnswer({ status, body, ...status === 405 && { headers: { allow: "POST" } } }),
  isRead
})

const refusal = (status: number, detail: string, isRead = true) => answer(status, { detail }, isRead)

/** The key of the job, which its submission put into the address. */
const jobOf = (url: string): { readonly job?: string } => {
  const job = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1]).get("job") ?? ""
  return job === "" ? {} : { job }
}

/** The rules of a handler. The functions of `WebhookOptions`, as Effects. */
interface Rules<E, R> {
  readonly options: VerifyOptions
  readonly onEvent: (event: WebhookEvent) => Effect.Effect<unknown, E, R>
  readonly deliveries: Deliveries
  readonly maxBytes: number
  /** Writes a line without the secrets. */
  readonly report: (text: string) => Effect.Effect<void>
  /** The refusals that the log has. */
  readonly reported: Set<string>
}

const workTime = "15 seconds"
const bodyTime = "10 seconds"

/** The text of a failure. Code that is not an Effect has thrown a value of its own. */
const said = (cause: Cause.Cause<unknown>): string =>
  String(Cause.map(cause, (error) => error instanceof Thrown ? error.reason : error))

/** Handles an event, also when the request is over. The store hears how it ended. */
const worked = <E, R>({ deliveries, onEvent, report }: Rules<E, R>, event: WebhookEvent, id: string | undefined) => {
  // a store that does not take the note changes nothing of what was handled
  const noted = (note: "handled" | "release") =>
    id === undefined ? Effect.void : Effect.catchAll(
      promised(() => deliveries[note](id)),
      ({ reason }) => report(`the store of deliveries failed: ${String(reason)}`)
    )
  return Effect.matchCauseEffect(Effect.suspend(() => onEvent(event)), {
    onSuccess: () => Effect.as(noted("handled"), true),
    onFailure: (cause) =>
      Effect.as(Effect.zipRight(report(`the handler of a webhook failed: ${said(cause)}`), noted("release")), false)
  })
}

const handled = <E, R>(rules: Rules<E, R>, event: WebhookEvent): Effect.Effect<WebhookAnswer, never, R> =>
  Effect.gen(function*() {
    const { deliveryId: id } = event
    const claim = id === undefined ? "claimed" : yield* promised(() => rules.deliveries.claim(id))
    if (claim === "working") return refusal(409, "DELIVERY_IN_PROGRESS")
    if (claim === "handled") return answer(200, { handled: false })
    // a store of another form would handle each delivery again
    if (claim !== "claimed") {
      return yield* new Thrown({ reason: "claim must return \"claimed\", \"working\" or \"handled\"" })
    }
    const work = yield* Effect.forkDaemon(worked(rules, event, id))
    const done = yield* Effect.timeoutOption(Fiber.join(work), workTime)
    if (Option.isNone(done)) yield* rules.report(`the handler of a webhook has not ended after ${workTime}`)
    return Option.contains(done, true) ? answer(200, { handled: true }) : refusal(500, "NOT_HANDLED")
  }).pipe(
    Effect.catchAll(({ reason }) =>
      Effect.as(rules.report(`the store of deliveries failed: ${String(reason)}`), refusal(500, "NOT_HANDLED"))
    )
  )

/** Refuses a delivery. The log hears of each kind of refusal once. */
const refused = <E, R>({ report, reported }: Rules<E, R>, { code, message, status }: WebhookError) =>
  Effect.as(
    reported.has(code)
      ? Effect.void
      : Effect.suspend(() => {
        reported.add(code)
        return report(`a webhook was refused, ${code}: ${message}`)
      }),
    refusal(status, code)
  )

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

const bytesOf = (
  { body, header }: Delivered,
  maxBytes: number
): Effect.Effect<Uint8Array | undefined, WebhookAnswer> => {
  if (!Effect.isEffect(body)) return Effect.succeed(body)
  const limits = { maxBytes, timeout: bodyTime } as const
  return Effect.matchEffect(readParts(body, header("content-length") ?? undefined, limits), {
    onFailure: (problem) => Effect.fail(refusal(Relay.statusOf[problem], problem, false)),
    onSuccess: (parts) => Effect.succeed(joined(parts))
  })
}

const answered = <E, R>(rules: Rules<E, R>, delivered: Delivered): Effect.Effect<WebhookAnswer, never, R> =>
  Effect.gen(function*() {
    const { header, method, url } = delivered
    if (method !== "POST") return refusal(405, "METHOD_NOT_ALLOWED", false)
    const bytes = yield* bytesOf(delivered, rules.maxBytes)
    const verified = yield* Effect.either(promised(() => verify(bytes, header, rules.options)))
    if (Either.isRight(verified)) return yield* handled(rules, { ...verified.right, ...jobOf(url) })
    const { reason } = verified.left
    if (reason instanceof WebhookError) return yield* refused(rules, reason)
    yield* rules.report(`a webhook could not be verified: ${String(reason)}`)
    return refusal(500, "NOT_VERIFIED")
  }).pipe(Effect.merge)

/** Makes the answerer of a handler. Throws an `InvalidRequestError` when an option is wrong. */
export const receiver = <E, R>(
  given: Omit<WebhookOptions, "onEvent">,
  onEvent: (event: WebhookEvent) => Effect.Effect<unknown, E, R>
): (delivered: Delivered) => Effect.Effect<WebhookAnswer, never, R> => {
  refuseMisnamed("webhooks", given, names)
  const { deliveries = inProcess(), maxBodyBytes } = given
  const options = Struct.pick(given, "secrets", "tolerance", "signed", "now")
  const wrong = optionsProblem(options)
  if (wrong !== undefined) throw invalid(wrong.field, wrong.reason, "webhooks")
  if (!Predicate.isFunction(onEvent)) throw invalid("onEvent", "must be a function", "webhooks")
  for (const name of ["claim", "handled", "release"] as const) {
    if (!Predicate.isFunction(deliveries[name])) throw invalid(`deliveries.${name}`, "must be a function", "webhooks")
  }
  const secrets = [options.secrets].flat().filter((secret) => secret !== undefined)
  const rules: Rules<E, R> = {
    options,
    onEvent,
    deliveries,
    maxBytes: Either.getOrThrowWith(limit("maxBodyBytes", maxBodyBytes, 1_048_576, "webhooks"), identity),
    report: (text) =>
      Effect.logError(`noukai: ${safe(secrets.reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text))}`),
    reported: new Set()
  }
  return (delivered) => answered(rules, delivered)
}

/** The answerer of a handler for servers without Effect, whose log is the console. */
export const promiseReceiver = (
  { onEvent, ...options }: WebhookOptions
): (delivered: Delivered) => Promise<WebhookAnswer> => {
  const called = Predicate.isFunction(onEvent)
    ? (event: WebhookEvent) => promised(() => onEvent(event))
    : onEvent
  const answers = receiver(options, called)
  return (delivered) => Effect.runPromise(Effect.provide(answers(delivered), toConsole))
}
