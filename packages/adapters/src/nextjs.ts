/**
 * For route handlers of the Next.js App Router, under the names that `@noukai/sdk` has. They are those of `web`.
 *
 * @since 0.1.0
 */
export {
  /**
   * @since 0.1.0
   * @category constructors
   */
  relay as createRelayRoute,
  /**
   * @since 0.1.0
   * @category middleware
   */
  trace as withNoukaiTrace
} from "./web.js"
export type { Options as WithNoukaiTraceOptions, RelayOptions as CreateRelayRouteOptions } from "./web.js"
