import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { ExecuteRequest, ExecuteResponse } from "../ExecuteCall.js"
import type { HttpError } from "../NoukaiError.js"

/** What a client adds where a call says nothing. */
export interface Defaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly sessionId?: string | undefined
  /** The total clock of a call; absent or infinite: none. */
  readonly timeout?: Duration.Duration | undefined
}

/** The seam: one method per endpoint (contract 4), taking and returning decoded values. */
export interface HttpService {
  readonly defaults: Defaults
  /** E1: runs a flow, or resumes a paused run. A run that failed is a value here: `status: "failed"`. */
  readonly execute: (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, HttpError>
}
