/**
 * The input of an event stream.
 *
 * @since 0.1.0
 */
import type * as Schedule from "effect/Schedule"
import type { CostInput, ExecuteOptions, ParametersInput, ToolsInput } from "./ExecuteInput.js"
import type { AnyParameters, FlowVersion } from "./Flow.js"
import type { FlowCursor } from "./FlowCursor.js"
import type { StreamOptions } from "./internal/options/callOptions.js"
import type { NoukaiError } from "./NoukaiError.js"

/**
 * The options of a streamed run, without its parameters and tools.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamRunOptions
  extends
    Omit<ExecuteOptions, "messages" | "version" | "attemptTimeout" | "retryPost">,
    Pick<StreamOptions, "firstByteTimeout" | "idleTimeout">
{
  /** Default: the cursor's, else `"production"`. */
  readonly version?: Exclude<FlowVersion, "draft"> | undefined
  /** Outputs, by step id, that later steps see in place of the real ones. Default: none. */
  readonly inputOverrides?: { readonly [stepId: string]: unknown } | undefined
  /**
   * Goes on from the cursor of an event or an error, of this process or another. The outputs in it may have been
   * edited. A step that had not completed runs again; so does the last one, if the end of the run was lost.
   */
  readonly from?: FlowCursor | undefined
  /**
   * Goes on after a cut, while the schedule lasts; the schedule begins anew when a step or a tool round has completed
   * since. A run is never started twice, but the step that was cut off runs again with each recurrence and may be
   * billed as often. Default: off.
   */
  readonly heal?: Schedule.Schedule<unknown, NoukaiError> | undefined
}

// eslint-disable-next-line @typescript-eslint/no-empty-object-type
type ParametersOrCursor<P> = {} extends P ? ParametersInput<P>
  : ParametersInput<P> | {
    /** Named inputs of the flow. Default: those that the cursor brings. */
    readonly parameters?: P | undefined
    readonly from: FlowCursor
  }

/**
 * The input of `events`. `parameters` is required exactly when the flow's schema requires some and `from` does not
 * bring them.
 *
 * @since 0.1.0
 * @category options
 */
export type EventsInput<P = AnyParameters, T = undefined> =
  & StreamRunOptions
  & {
    /** Runs all steps that are left in one response, without a pause after each. Default: false. */
    readonly runRemaining?: boolean | undefined
  }
  & ParametersOrCursor<P>
  & ToolsInput<T>
  & CostInput

/**
 * The input of `steps`, which runs one step per request.
 *
 * @since 0.1.0
 * @category options
 */
export type StepsInput<P = AnyParameters, T = undefined> =
  & StreamRunOptions
  & ParametersOrCursor<P>
  & ToolsInput<T>
  & CostInput
