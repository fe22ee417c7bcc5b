import * as Context from "effect/Context"
import type { HttpService } from "./httpService.js"

/** Which session a call belongs to, and whether it is answered from a recording. */
export interface Scope {
  readonly mode: "capture" | "replay" | "session"
  readonly sessionId: string
  /** In a replay: what answers instead of Noukai. */
  readonly http: HttpService | undefined
}

/**
 * The scope of the calling fiber; by default there is none.
 */
export class CurrentScope extends Context.Reference<CurrentScope>()("@effect-noukai/sdk/TraceScope", {
  defaultValue: (): Scope | undefined => undefined
}) {}
