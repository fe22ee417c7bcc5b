/**
 * Events as `/step` and the live trace send them.
 *
 * @see docs/wire.md#events
 */
import type { StreamOutputs } from "../../EmulatorOptions.js"
import type { Json } from "../../Flow.js"
import { type Exact, keeping } from "../exact.js"

export interface WireEvent {
  readonly event: string
  /** Only set on events of the control endpoint. */
  readonly id?: number
  readonly data: { readonly [key: string]: unknown }
}

export const wireEvent = (event: string, data: { readonly [key: string]: unknown }): WireEvent => ({ event, data })

/** Whether an event ends a live trace. */
export const isTerminal = (event: WireEvent): boolean =>
  event.event === "flow_completed" || event.event === "step_error"

interface Fields {
  readonly [key: string]: unknown
}

/**
 * The events that carry inputs and outputs of steps, in either shape.
 *
 * @see docs/wire.md#outputs
 */
export interface OutputEvents {
  readonly input: (stepId: string, input: Json) => WireEvent
  readonly partial: (stepId: string, output: Exact) => WireEvent
  /** The events of a completed step, with `before`, the output and `after` in the order of the wire. */
  readonly completed: (stepId: string, before: Fields, output: Exact, after: Fields) => ReadonlyArray<WireEvent>
  readonly flowCompleted: (before: Fields, result: Exact, after: Fields) => WireEvent
}

/** An event with a field whose value may be a number with digits. */
const exactEvent = (event: string, before: Fields, field: string, part: Exact, after: Fields = {}): WireEvent =>
  wireEvent(event, keeping({ ...before, [field]: part.value, ...after }, field, part))

const hosted: OutputEvents = {
  input: (stepId, inputContext) => wireEvent("step_input", { stepId, inputContext }),
  partial: (stepId, output) => exactEvent("step_output", { stepId }, "outputContext", output),
  completed: (stepId, before, output, after) => [
    exactEvent("step_output", { stepId }, "outputContext", output),
    wireEvent("step_completed", { stepId, ...before, ...after })
  ],
  flowCompleted: (before, _, after) => wireEvent("flow_completed", { ...before, ...after })
}

const documented: OutputEvents = {
  input: (stepId, inputData) => wireEvent("step_input", { stepId, inputData }),
  partial: (stepId, output) => exactEvent("step_output", { stepId }, "outputData", output),
  completed: (stepId, before, output, after) => [
    exactEvent("step_completed", { stepId, ...before }, "output", output, after)
  ],
  flowCompleted: (before, result, after) => exactEvent("flow_completed", before, "result", result, after)
}

export const outputEvents: { readonly [S in StreamOutputs]: OutputEvents } = { hosted, documented }
