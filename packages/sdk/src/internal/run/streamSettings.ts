import type * as Schedule from "effect/Schedule"
import type { FlowCursor } from "../../FlowCursor.js"
import type { NoukaiError } from "../../NoukaiError.js"
import type { StreamOptions } from "../input/callOptions.js"
import type { FlowCall } from "./flowCall.js"
import type { EveryRequest } from "./stepBody.js"

/**
 * What a streamed run stays with.
 *
 * @internal
 */
export interface Settings<E, R> extends FlowCall<E, R> {
  readonly options: StreamOptions
  /** Completed steps alone, or every event. */
  readonly only: "steps" | "events"
  readonly everyRequest: EveryRequest
  readonly heal: Schedule.Schedule<unknown, NoukaiError> | undefined
  /** ms */
  readonly timeout: number | undefined
}

/**
 * Where a walk begins.
 *
 * @internal
 */
export interface Origin {
  readonly cursor: FlowCursor
  /** `run_started` has been delivered. */
  readonly begun: boolean
  /** The cursor may be one of a run whose last step has completed. */
  readonly mayBeOver: boolean
}
