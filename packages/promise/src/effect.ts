/**
 * The Effect side of the Promise client.
 *
 * @since 0.1.0
 */
export * as NoukaiPromise from "./NoukaiPromise.js"
