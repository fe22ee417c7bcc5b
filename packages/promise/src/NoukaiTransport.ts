/**
 * What ties a scope to a client.
 *
 * @since 0.1.0
 */

/**
 * A client, as `traceScope` takes it for its `transport`: `noukai._transport`.
 *
 * @since 0.1.0
 * @category models
 */
export interface NoukaiTransport {
  /** Makes the type one of its own; there is nothing to read here. */
  readonly _noukai: true
}
