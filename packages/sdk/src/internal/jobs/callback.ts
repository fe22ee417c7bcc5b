/**
 * The webhook of a job: the address that its submission names, and waiting for it before a poll. A webhook only says when
 * to poll.
 *
 * @see docs/wire.md#webhooks
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Nudges } from "../../Webhook.js"
import { type Problem, problem } from "../core/makeError.js"
import { isFields, misnamed, type Names } from "../kit/names.js"
import type { CallbackRequest } from "../operations/requests.js"

/** The webhook of a job. */
export interface CallbackOption {
  /** The address of a handler of webhooks, which the service must reach: `https`, on a public address. */
  readonly url: string
  /** Tells this process of the webhooks that the handler has received. Absent: the job is polled as without a webhook. */
  readonly nudges?: Nudges | undefined
}

const names: Names<{ readonly url: string; readonly nudges: object }> = { url: true, nudges: true }

const urlReason = (url: unknown): string | undefined => {
  if (typeof url !== "string" || !URL.canParse(url)) return "must be the address of a handler of webhooks: https://…"
  const { hash, password, protocol, username } = new URL(url)
  if (protocol !== "https:" && protocol !== "http:") return `must be an address of https, not of ${protocol}`
  if (username !== "" || password !== "") return "must have no user and no password: the address is logged on its way"
  return hash === "" ? undefined : "must have no fragment, which no request carries"
}

export const callbackProblem = (path: string, value: unknown): Problem | undefined => {
  if (!isFields(value)) return problem(path, "must be { url, nudges }")
  const unknown = misnamed("", value, names)
  if (unknown !== undefined) return problem(`${path}.${unknown.field}`, unknown.reason)
  const { nudges, url } = value
  const reason = urlReason(url)
  if (reason !== undefined) return problem(`${path}.url`, reason)
  const fits = nudges === undefined ||
    (Predicate.hasProperty(nudges, "onEvent") && Predicate.isFunction(nudges.onEvent) &&
      Predicate.hasProperty(nudges, "wait") && Predicate.isFunction(nudges.wait))
  return fits ? undefined : problem(`${path}.nudges`, "must have onEvent and wait, as nudges() of Webhook makes them")
}

/** So many jobs of a client end before it gives up that a webhook reaches it. */
export const mostWithout = 20

/** Whether webhooks reach the process of a client, as its jobs that have ended show. */
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

/** The webhook of a job; `undefined` where none was asked for, or its submission was not sent by this call. */
export const callbackOf = (
  arrivals: Arrivals,
  { nudges, url }: Partial<CallbackOption> = {},
  { job }: Partial<CallbackRequest> = {}
): JobCallback | undefined =>
  nudges === undefined || url === undefined || job === undefined ? undefined : { url, job, nudges, arrivals }

/** Ends when the webhook comes. Where that cannot be told, it says so and never ends. */
export const nudge = ({ job, nudges }: JobCallback): Effect.Effect<void> =>
  Effect.catchAll(
    Effect.tryPromise((signal) => nudges.wait(job, signal)),
    ({ cause }) =>
      Effect.zipRight(
        Effect.logWarning(`waiting for the webhook of a job failed, so it is polled: ${String(cause)}`),
        Effect.never
      )
  )
