import type * as Schedule from "effect/Schedule"
import type { StreamOptions } from "../CallOptions.js"
import type { Flow, FlowAddress, FlowVersion } from "../Flow.js"
import type { FlowCursor } from "../FlowCursor.js"
import type { NoukaiError } from "../NoukaiError.js"
import type { HttpService } from "./httpService.js"
import type { EveryRequest } from "./stepBody.js"
import type { Answering } from "./toolAnswering.js"

/**
 * What stays the same from the first request of a run to its last.
 *
 * @internal
 */
export interface Settings<E, R> {
  readonly http: HttpService
  readonly method: string
  readonly flow: Flow.Ref<never, unknown>
  readonly address: FlowAddress
  readonly addressText: string
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly options: StreamOptions
  readonly answering: Answering<E, R>
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
