/**
 * Capture, replay and relay Noukai flows in HTTP servers: @effect/platform, Express and fetch-style handlers.
 *
 * @since 0.1.0
 */
export {}
