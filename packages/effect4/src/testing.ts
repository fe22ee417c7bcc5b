/**
 * Recordings and replays for tests.
 *
 * @since 0.1.0
 */
export type { TestInput } from "./internal/testing.js"
export { layerTest } from "./Noukai.js"
export * as NoukaiRecord from "./NoukaiRecord.js"
export * as NoukaiReplay from "./NoukaiReplay.js"
export { ReplayCassette } from "./ReplayCassette.js"
