/**
 * Delivers the webhooks of jobs.
 *
 * @see docs/wire.md#webhooks
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { createHmac, randomUUID } from "node:crypto"
import type { WebhookDelivery } from "../../EmulatorLedger.js"
import { type ApiError, invalid } from "../apiError.js"
import type { FaultRules, WebhookPlan } from "../faults/faultRules.js"
import type { Ledger, OpenEntry } from "../store/ledger.js"
import type { Run } from "../store/runs.js"
import { takeTime } from "../time/time.js"
import type { JobBody } from "../wire/requestBody.js"
import { post } from "./post.js"
import { type Target, targetOf } from "./target.js"

/** The webhook that a submission asks for. */
interface Callback {
  readonly target: Target
  readonly events: ReadonlyArray<unknown>
}

export interface Webhooks {
  /** The callback of a submission; `undefined` if it has none. */
  readonly callbackOf: (
    body: Pick<JobBody, "callbackUrl" | "callbackEvents">
  ) => Either.Either<Callback | undefined, ApiError>
  /** Begins the delivery of a job that has ended. */
  readonly ended: (run: Run, callback: Callback | undefined) => Effect.Effect<void>
  /** Makes a new secret, which signs beside the one before for a day. */
  readonly rotate: () => string
  readonly reset: Effect.Effect<void>
}

export interface WebhookOptions {
  readonly secret: string
  /** The times in ms before further attempts. */
  readonly retries: ReadonlyArray<number>
  readonly allow: ReadonlyArray<string>
}

const eventNames: ReadonlyArray<unknown> = ["flow.completed", "flow.failed"]

/** The event of each end of a job. Assumed: a cancelled job has none. */
const eventOf: { readonly [status: string]: WebhookDelivery["event"] } = {
  completed: "flow.completed",
  failed: "flow.failed"
}

const callbackOf = (allow: ReadonlyArray<string>): Webhooks["callbackOf"] => ({ callbackEvents, callbackUrl }) => {
  const events = callbackEvents ?? eventNames
  const target = callbackUrl === undefined ? undefined : targetOf(allow, callbackUrl)
  const issue = (field: string, msg: string, type: string) =>
    Either.left(invalid([{ loc: ["body", field], msg, type }]))
  if (callbackUrl !== undefined && target === undefined) {
    return issue("callbackUrl", "must be an https URL, or begin with an origin of webhooks.allow", "value_error.url")
  }
  if (!events.every((event) => eventNames.includes(event))) {
    return issue("callbackEvents", `permitted: ${eventNames.join(", ")}`, "value_error.const")
  }
  return Either.right(target && { target, events })
}

/** The time in ms within which a receiver answers. */
const timeout = 20_000

/** The time in ms for which `v2` is the signature of the secret before. */
const bothFor = 24 * 60 * 60 * 1000

/** The time in ms for which a delivery waits to be overtaken. */
const mostReordered = 10_000

/** The most attempts at the same time. */
const mostAtOnce = 100

const hmac = (secret: string, text: string): string => createHmac("sha256", secret).update(text).digest("hex")

/** The secrets that sign now, the newest first. */
const makeSecrets = (first: string, now: () => number) => {
  let current = first
  let before: { readonly secret: string; readonly until: number } | undefined
  return {
    valid: () => before === undefined || before.until <= now() ? [current] : [current, before.secret],
    rotate: () => {
      before = { secret: current, until: now() + bothFor }
      current = `whsec_${hmac(current, "rotated")}`
      return current
    },
    reset: () => {
      current = first
      before = undefined
    }
  }
}

/** The headers and the body of an attempt. The payload is proposed: no source shows the one of the service. */
const requestOf = (
  { event, id }: WebhookDelivery,
  payload: object,
  { has }: WebhookPlan,
  secrets: ReadonlyArray<string>,
  now: number
) => {
  const time = Math.max(0, Math.floor(now / 1000) - (has("old") ? 3600 : 0))
  const text = JSON.stringify(payload)
  const signatures = secrets.map((secret, place) =>
    `v${place + 1}=${hmac(has("signature") ? `not ${secret}` : secret, `${time}.${text}`)}`
  )
  return {
    headers: {
      "Content-Type": "application/json",
      "User-Agent": "Noukai-Webhook/1.0",
      "X-Noukai-Event": event,
      "X-Noukai-Delivery": id,
      "X-Noukai-Timestamp": String(time),
      "X-Noukai-Signature": [`t=${time}`, ...signatures].join(",")
    },
    body: has("changed") ? JSON.stringify(payload, undefined, 2) : text
  }
}

export const make = (
  ledger: Ledger,
  faults: FaultRules,
  { allow, retries, secret }: WebhookOptions
): Effect.Effect<Webhooks, never, Scope.Scope> =>
  Effect.gen(function*() {
    const sending = yield* FiberSet.make<void>()
    // a semaphore wakes all that wait whenever one of its permits is free, and a queue wakes one
    const slots = yield* Queue.unbounded<void>()
    yield* Queue.offerAll(slots, Array.from({ length: mostAtOnce }, () => undefined))
    const secrets = makeSecrets(secret, ledger.now)
    /** Completes when the delivery that waits to be overtaken may go on. */
    let overtaken: Deferred.Deferred<void> | undefined

    const letPass = (): void => {
      if (overtaken !== undefined) Deferred.unsafeDone(overtaken, Effect.void)
      overtaken = undefined
    }

    /** Whether the receiver has taken the delivery. */
    const attempt = Effect.fnUntraced(function*(
      delivery: OpenEntry<WebhookDelivery>,
      url: URL,
      payload: object,
      plan: WebhookPlan
    ) {
      const at = ledger.now()
      const { body, headers } = requestOf(delivery, payload, plan, secrets.valid(), at)
      const answer = yield* post(url, headers, body).pipe(
        Effect.timeoutFail({ duration: timeout, onTimeout: () => "no answer within 20 seconds" }),
        Effect.either
      )
      const outcome = Either.isRight(answer) ? { status: answer.right } : { error: answer.left }
      delivery.attempts = [...delivery.attempts, { at, ms: ledger.now() - at, ...outcome }]
      return Either.isRight(answer) && answer.right >= 200 && answer.right < 300
    })

    const deliver = Effect.fnUntraced(function*(
      delivery: OpenEntry<WebhookDelivery>,
      url: URL,
      payload: object,
      plan: WebhookPlan
    ) {
      const wait = (ms: number) => takeTime(ms, () => ledger.webhookChanged(delivery))
      if (plan.lateMs > 0) yield* wait(plan.lateMs)
      if (plan.has("reorder") && overtaken === undefined) {
        const next = overtaken = Deferred.unsafeMake<void>(FiberId.none)
        yield* Effect.raceFirst(Deferred.await(next), wait(mostReordered))
        if (overtaken === next) overtaken = undefined
      }
      const sent = attempt(delivery, url, payload, plan)
      const once = Effect.zipRight(Queue.take(slots), Effect.ensuring(sent, Queue.offer(slots, undefined)))
      for (const pause of [undefined, ...retries]) {
        if (pause !== undefined) yield* wait(pause)
        const taken = yield* Effect.all(plan.has("twice") ? [once, once] : [once], { concurrency: "unbounded" })
        letPass()
        delivery.status = taken.includes(true) ? "delivered" : "pending"
        if (delivery.status === "delivered") break
      }
      if (delivery.status === "pending") delivery.status = "dead"
      ledger.webhookChanged(delivery)
    })

    const ended: Webhooks["ended"] = (run, callback) =>
      Effect.suspend(() => {
        const event = eventOf[run.status]
        if (callback === undefined || event === undefined || !callback.events.includes(event)) return Effect.void
        const { shown, status, url } = callback.target
        const plan = status === "pending" ? faults.takeWebhook(run.flow.ref) : undefined
        const delivery = ledger.webhookAdded({
          id: randomUUID(),
          event,
          executionId: run.id,
          flow: run.flow.ref,
          url: shown,
          status: plan?.has("drop") === true ? "not_sent" : status,
          ...(plan?.text === undefined ? undefined : { fault: plan.text }),
          attempts: []
        })
        if (plan === undefined || delivery.status !== "pending") {
          return Effect.sync(() => ledger.webhookChanged(delivery))
        }
        const payload = { executionId: run.id, flowId: run.flow.flowId, status: run.status }
        // the job tells of its end in a finalizer, which nothing interrupts
        return Effect.asVoid(FiberSet.run(sending, Effect.interruptible(deliver(delivery, url, payload, plan))))
      })

    return {
      callbackOf: callbackOf(allow),
      ended,
      rotate: secrets.rotate,
      reset: Effect.suspend(() => {
        secrets.reset()
        overtaken = undefined
        return FiberSet.clear(sending)
      })
    }
  })
