/**
 * The Promise client for Noukai flows, call-compatible with @noukai/sdk.
 *
 * @since 0.1.0
 */
export {}
