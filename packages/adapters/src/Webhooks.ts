/**
 * Receives the webhooks of jobs, on any server: verifies a delivery, and handles it once.
 *
 * @see docs/wire.md#webhooks
 * @since 0.1.0
 */
import type { VerifyOptions, WebhookEvent } from "@effect-noukai/sdk/Webhook"

/**
 * The deliveries that were handled, by their ids. A store for several processes must let a claim end after a minute, so that
 * a delivery is not lost with the process that held it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deliveries {
  /** Takes a delivery: `"claimed"` for the first call of its id, `"working"` while another has it, `"handled"` after that. */
  readonly claim: (id: string) => Claim | PromiseLike<Claim>
  /** The delivery that was claimed has been handled. */
  readonly handled: (id: string) => void | PromiseLike<void>
  /** The delivery that was claimed has not been handled, so that the next attempt at it can be. */
  readonly release: (id: string) => void | PromiseLike<void>
}

/**
 * The answer to a claim.
 *
 * @since 0.1.0
 * @category models
 */
export type Claim = "claimed" | "working" | "handled"

/**
 * The bounds of a delivery, and the store of those that were handled.
 *
 * @since 0.1.0
 * @category options
 */
export interface ReceiverOptions {
  /** Default: the last 100,000 deliveries of this process. */
  readonly deliveries?: Deliveries | undefined
  /** The largest body, in bytes. A larger one is a 413. Default: 1,048,576. */
  readonly maxBodyBytes?: number | undefined
}

/**
 * The options of a handler of webhooks.
 *
 * @since 0.1.0
 * @category options
 */
export interface WebhookOptions extends VerifyOptions, ReceiverOptions {
  /**
   * Called once for each delivery: `nudges().onEvent` of `@effect-noukai/sdk/Webhook`, or a function of yours. If it fails, or
   * has not ended after 15 seconds, the answer is 500, and the service delivers again. One that ends later still counts.
   */
  readonly onEvent: (event: WebhookEvent) => unknown
}

/** The number of deliveries that are remembered. */
const most = 100_000

/**
 * The deliveries of one process. The oldest are forgotten.
 *
 * @since 0.1.0
 * @category constructors
 */
export const deliveries = (): Deliveries => {
  const states = new Map<string, "working" | "handled">()
  return {
    claim: (id) => {
      const state = states.get(id)
      if (state !== undefined) return state
      states.set(id, "working")
      if (states.size > most) states.delete(states.keys().next().value!)
      return "claimed"
    },
    handled: (id) => void states.set(id, "handled"),
    release: (id) => void states.delete(id)
  }
}
