/**
 * Support for tests of code that uses flows: builders of results, events and cassettes, arbitraries of them, and the
 * controls of `Noukai.layerScripted`.
 *
 * @since 0.1.0
 */
export { type Arbitraries, arbitraries } from "./internal/cassette/arbitraries.js"
export { type RecordedRun, recording, session, type SessionRun } from "./internal/cassette/recordings.js"
export { cut, type Events, events, respond } from "./internal/testing/events.js"
export { completed, failed, paused, type RunFacts, type ToolCallInput } from "./internal/testing/results.js"
export { ScriptedHttp } from "./internal/testing/scripted.js"
export type { Answer, Answers, Operation, Request, Script, ScriptedCall } from "./internal/testing/scripted.js"
