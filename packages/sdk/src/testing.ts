/**
 * Support for tests of code that uses flows: an implementation that answers from a queue and remembers its requests,
 * and builders of results, events and cassettes, with arbitraries of them.
 *
 * @since 0.1.0
 */
export { type Arbitraries, arbitraries } from "./internal/cassette/arbitraries.js"
export { type RecordedRun, recording, session, type SessionRun } from "./internal/cassette/recordings.js"
export { cut, type Events, events, respond } from "./internal/testing/events.js"
export { completed, failed, paused, type RunFacts, type ToolCallInput } from "./internal/testing/results.js"
export { layerScripted, ScriptedHttp } from "./internal/testing/scripted.js"
export type { Answer, Answers, Operation, Request, Script, ScriptedCall } from "./internal/testing/scripted.js"
