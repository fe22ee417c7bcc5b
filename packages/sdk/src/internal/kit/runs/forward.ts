/** The functions of the SDK that the servers of relays and pages need. */
export { type AnyFiber, withFiber } from "../../core/fiber.js"
export { problem } from "../../core/makeError.js"
export { isEndedStatus } from "../../core/runProblem.js"
export { resolveSession } from "../../operations/operations.js"
export { format, resolve, versionOf } from "../../options/address.js"
export { checked, decoder, duration, text, version } from "../../options/callOptions.js"
export { problemType } from "../../telemetry/attributes.js"
export { flowCall, isTracing, type RunOutcome } from "../../telemetry/spans.js"
