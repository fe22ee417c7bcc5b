/**
 * The link between a scope and a client.
 *
 * @since 0.1.0
 */

/**
 * A client as the `transport` of `traceScope`: `noukai._transport`.
 *
 * @since 0.1.0
 * @category models
 */
export interface NoukaiTransport {
  /** Keeps other objects out of the type; its value has no meaning. */
  readonly _noukai: true
}
