/**
 * The link between a scope and a client.
 *
 * @since 0.1.0
 */

/**
 * A client for the option `transport` of `traceScope`: `noukai._transport`.
 *
 * @since 0.1.0
 * @category models
 */
export interface NoukaiTransport {
  /** A brand; its value has no meaning. */
  readonly _noukai: true
}
