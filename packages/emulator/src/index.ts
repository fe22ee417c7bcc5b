/**
 * A local Noukai server with the same HTTP API. It needs no key, no network and no credits.
 *
 * @since 0.1.0
 */
export { Emulator } from "./Emulator.js"
export { EmulatorError } from "./EmulatorError.js"
export type { EmulatorLedger, LedgerEvent, WebhookDelivery } from "./EmulatorLedger.js"
export type { EmulatorOptions } from "./EmulatorOptions.js"
export type { FaultRule } from "./Fault.js"
export type { Flow, Step } from "./Flow.js"
export { samples } from "./samples.js"
export { type RunningEmulator, startEmulator } from "./startEmulator.js"
