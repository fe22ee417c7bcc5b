/**
 * Events as `/step` and the live trace send them.
 *
 * @see contract 7.3
 * @internal
 */

/** @internal */
export interface WireEvent {
  readonly event: string
  /** Set on the control endpoint's events alone. */
  readonly id?: number
  readonly data: { readonly [key: string]: unknown }
}

/** @internal */
export const wireEvent = (event: string, data: { readonly [key: string]: unknown }): WireEvent => ({ event, data })

/** Whether an event ends a live trace. @internal */
export const isTerminal = (event: WireEvent): boolean =>
  event.event === "flow_completed" || event.event === "step_error"
