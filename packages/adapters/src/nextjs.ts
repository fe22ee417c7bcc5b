/**
 * Handlers for routes of the Next.js App Router: the handlers of `web`, with names like in `@noukai/sdk`.
 *
 * @since 0.1.0
 */
export {
  /**
   * @since 0.1.0
   * @category constructors
   */
  flowPage,
  /**
   * @since 0.1.0
   * @category constructors
   */
  relay as createRelayRoute,
  /**
   * @since 0.1.0
   * @category middleware
   */
  sessions as withNoukaiTrace,
  /**
   * @since 0.1.0
   * @category middleware
   */
  withErrorHandler as withNoukaiErrors
} from "./web.js"
export type {
  FlowPage,
  Options as WithNoukaiTraceOptions,
  PageOptions,
  RelayOptions as CreateRelayRouteOptions
} from "./web.js"
