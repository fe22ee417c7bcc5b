/** The functions of the SDK that the server of a relay needs. */
export { type AnyFiber, withFiber } from "../../core/fiber.js"
export { problem } from "../../core/makeError.js"
export { resolveSession } from "../../operations/scope.js"
export { format, resolve, versionOf } from "../../options/address.js"
export { checked, decoder, duration, text, version } from "../../options/callOptions.js"
export { problemType } from "../../telemetry/attributes.js"
export { counted } from "../../telemetry/metrics.js"
export { flowSpan, isTracing, type RunOutcome } from "../../telemetry/spans.js"
