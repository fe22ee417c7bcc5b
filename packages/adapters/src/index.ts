/**
 * Capture, replay and relay Noukai flows in HTTP servers. The middlewares and handlers are at `/platform`, `/express`,
 * `/web` and `/nextjs`; here is what they have in common.
 *
 * @since 0.1.0
 */
export * as Relay from "./Relay.js"
export * as ReplayAnswer from "./ReplayAnswer.js"
export type { TraceOptions } from "./TraceOptions.js"
