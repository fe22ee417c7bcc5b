/**
 * The controls of `Noukai.layerScripted`. `@effect-noukai/report/testing` builds results, events and cassettes.
 *
 * @since 0.1.0
 */
export { ScriptedHttp } from "./internal/testing/scripted.js"
export type { Answer, Answers, Operation, Request, Script, ScriptedCall } from "./internal/testing/scripted.js"
