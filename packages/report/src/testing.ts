/**
 * Values for tests of code that uses flows: cassettes, and the answers and events of a script for `Noukai.layerScripted`.
 *
 * @since 0.1.0
 */
export { recording, session } from "./internal/recordings.js"
export type { RecordedRun, SessionRun } from "./internal/recordings.js"
export { completed, cut, type Events, events, failed, paused, respond } from "./internal/runs.js"
export type { RunFacts, ToolCallInput } from "./internal/runs.js"
