/**
 * Support for tests of code that uses flows: builders of results, events and cassettes, and the controls of
 * `Noukai.layerScripted`.
 *
 * @since 0.1.0
 */
export { recording, session } from "./internal/testing/cassettes.js"
export type { RecordedRun, SessionRun } from "./internal/testing/cassettes.js"
export { completed, cut, type Events, events, failed, paused, respond } from "./internal/testing/runs.js"
export type { RunFacts, ToolCallInput } from "./internal/testing/runs.js"
export { ScriptedHttp } from "./internal/testing/scripted.js"
export type { Answer, Answers, Operation, Request, Script, ScriptedCall } from "./internal/testing/scripted.js"
