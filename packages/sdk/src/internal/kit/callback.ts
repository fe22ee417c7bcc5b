/**
 * The webhook of a job: the address that its submission names, its key, and waiting for it before a poll. A webhook only
 * says when to poll.
 *
 * @see docs/wire.md#webhooks
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Nudges } from "../../Webhook.js"
import { isFields, misnamed, type Names, type Problem, problem, uuidOf } from "./names.js"

/** The webhook of a job. */
export interface CallbackOption {
  /** The address of a handler of webhooks, which the service must reach: `https`, on a public address. */
  readonly url: string
  /** Tells this process of the webhooks that the handler has received. Absent: the job is polled as without a webhook. */
  readonly nudges?: Nudges | undefined
}

export const callbackNames: Names<{ readonly url: string; readonly nudges: object }> = { url: true, nudges: true }

const urlReason = (url: unknown): string | undefined => {
  if (typeof url !== "string" || !URL.canParse(url)) return "must be the address of a handler of webhooks: https://…"
  const { hash, password, protocol, username } = new URL(url)
  if (protocol !== "https:" && protocol !== "http:") return `must be an address of https, not of ${protocol}`
  if (username !== "" || password !== "") return "must have no user and no password: the address is logged on its way"
  return hash === "" ? undefined : "must have no fragment, which no request carries"
}

export const callbackProblem = (path: string, value: unknown): Problem | undefined => {
  if (!isFields(value)) return problem(path, "must be { url, nudges }")
  const unknown = misnamed("", value, callbackNames)
  if (unknown !== undefined) return problem(`${path}.${unknown.field}`, unknown.reason)
  const { nudges, url } = value
  const reason = urlReason(url)
  if (reason !== undefined) return problem(`${path}.url`, reason)
  const fits = nudges === undefined ||
    (Predicate.hasProperty(nudges, "onEvent") && Predicate.isFunction(nudges.onEvent) &&
      Predicate.hasProperty(nudges, "wait") && Predicate.isFunction(nudges.wait))
  return fits ? undefined : problem(`${path}.nudges`, "must have onEvent and wait, as nudges() of Webhook makes them")
}

/**
 * The key of the job of a session, which every process finds. Readers of the handler's logs cannot tell the session from
 * it. `undefined` where the platform makes no hashes.
 */
export const jobKey = Effect.fnUntraced(function*(sessionId: string) {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  if (subtle === undefined) return undefined
  const text = new TextEncoder().encode(`webhook of ${sessionId}`)
  return uuidOf(new Uint8Array(yield* Effect.promise(() => subtle.digest("SHA-256", text))), 5)
})

/** So many jobs of a process end before it gives up that a webhook reaches it. */
const mostWithout = 20

/** Whether webhooks reach this process, as its jobs that have ended show. */
export class Arrivals {
  private without = 0
  private hasCome = false

  get areExpected(): boolean {
    return this.hasCome || this.without < mostWithout
  }

  came(): void {
    this.hasCome = true
  }

  /** Whether the job that has ended without a webhook is the one at which webhooks are given up. */
  endedWithout(): boolean {
    this.without++
    return !this.hasCome && this.without === mostWithout
  }
}

/** The webhook of a job that was submitted with one. */
export interface JobCallback {
  readonly url: string
  readonly job: string
  readonly nudges: Nudges
  readonly arrivals: Arrivals
}

/** The webhook of a job with a key; `undefined` where none was asked for, or its submission was not sent by this call. */
export const callbackOf = (
  arrivals: Arrivals,
  { nudges, url }: Partial<CallbackOption> = {},
  job: string | undefined
): JobCallback | undefined =>
  nudges === undefined || url === undefined || job === undefined ? undefined : { url, job, nudges, arrivals }

/** Ends when the webhook comes. Where that cannot be told, it says so and never ends. */
const nudge = ({ job, nudges }: JobCallback): Effect.Effect<void> =>
  Effect.catchAll(
    Effect.tryPromise((signal) => nudges.wait(job, signal)),
    ({ cause }) =>
      Effect.zipRight(
        Effect.logWarning(`waiting for the webhook of a job failed, so it is polled: ${String(cause)}`),
        Effect.never
      )
  )

/** The first wait for a webhook before a poll in its place, and the longest, in milliseconds. */
const [shortest, longest] = [5000, 60_000]

const withoutQuery = (url: string): string => url.replace(/\?.*/s, "")

/** The waits for the webhook of one job. */
export interface Waits {
  /** Ends when the webhook comes. */
  readonly nudged: Effect.Effect<boolean>
  /**
   * The milliseconds to the next poll in its place: 5 seconds, then twice as long, up to a minute. `undefined` after a
   * webhook: the row of a job may lag behind, and is polled by the usual rules.
   */
  readonly next: () => number | undefined
  /** Counts the job, which has ended. */
  readonly ended: Effect.Effect<void>
}

/** The waits for a webhook; `undefined` where none is expected. */
export const waitsOf = (callback: JobCallback | undefined): Waits | undefined => {
  if (callback === undefined || !callback.arrivals.areExpected) return undefined
  const { arrivals, url } = callback
  let wait = shortest / 2
  let isNudged = false
  return {
    nudged: Effect.map(nudge(callback), () => {
      isNudged = true
      arrivals.came()
      return true
    }),
    next: () => {
      if (isNudged) return undefined
      wait = Math.min(wait * 2, longest)
      return wait
    },
    ended: Effect.suspend(() =>
      !isNudged && arrivals.endedWithout()
        ? Effect.logWarning(
          `no webhook reaches ${
            withoutQuery(url)
          }: ${mostWithout} jobs have ended without one, so jobs are polled from now on`
        )
        : Effect.void
    )
  }
}

export const handleParts: unique symbol = Symbol("@effect-noukai/sdk/handleParts")

/** The webhook of a job, from its handle. Absent in a replay, which waits for nothing. */
export const callbackOfHandle = (
  job: { readonly executionId: string; readonly [handleParts]?: { readonly callback: JobCallback | undefined } }
): JobCallback | undefined => job[handleParts]?.callback
