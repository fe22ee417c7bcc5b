/**
 * The places of runs as plain objects, which survive `JSON.stringify` and another process.
 *
 * @since 0.1.0
 */

/**
 * The state of a run that waits for the results of tools: `state` of a paused result, of some errors, and the
 * argument of `onPause`. `flow.resume` goes on from it, in another process if need be. Opaque but for these fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface PausedState {
  readonly version: 1
  /** `org/project/slug`. */
  readonly flow: string
  readonly executionId: string
  /** The calls that wait for one result each. `arguments` is JSON text. */
  readonly toolCalls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
}

/**
 * The place of a streamed run: `cursor` of its events and of some errors. `events` and `steps` go on from it, in another
 * process if need be. `outputs` may be edited; the rest is opaque.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowCursor {
  readonly version: 1
  /** `org/project/slug`. */
  readonly flow: string
  /** Absent until the server has said it. */
  readonly executionId?: string | undefined
  /** The step that the next request runs, from 0. */
  readonly stepIndex: number
  /** The outputs of the completed steps, by step id, as far as they are known. */
  readonly outputs: { readonly [stepId: string]: unknown }
}
