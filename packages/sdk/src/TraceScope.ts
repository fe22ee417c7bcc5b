/**
 * The scope of a call: which session it belongs to, and whether it is answered from a recording (contract 10.3).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { HttpService } from "./internal/httpService.js"

/**
 * @since 0.1.0
 * @category models
 */
export declare namespace TraceScope {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Scope {
    readonly mode: "capture" | "replay" | "session"
    readonly sessionId: string
    /** In a replay: what answers instead of Noukai. */
    readonly http: HttpService | undefined
  }
}

/**
 * The scope of the calling fiber; by default there is none.
 *
 * @since 0.1.0
 * @category references
 */
export class TraceScope extends Context.Reference<TraceScope>()("@effect-noukai/sdk/TraceScope", {
  defaultValue: (): TraceScope.Scope | undefined => undefined
}) {}
