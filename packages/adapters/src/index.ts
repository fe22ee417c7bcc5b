/**
 * Captures, replays and relays Noukai flows in HTTP servers. The modules `/platform`, `/express`, `/web` and `/nextjs`
 * have the middleware and handlers. This module has their common parts.
 *
 * @since 0.1.0
 */
export * as ErrorAnswer from "./ErrorAnswer.js"
export * as Relay from "./Relay.js"
export * as ReplayAnswer from "./ReplayAnswer.js"
export type { SessionsOptions } from "./SessionsOptions.js"
