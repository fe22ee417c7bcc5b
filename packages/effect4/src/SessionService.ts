/**
 * Reads recorded sessions.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { ReadOptions } from "./Execution.js"
import { call } from "./internal/call.js"
import { failures } from "./internal/failures.js"
import { inputOf } from "./internal/input.js"
import type { SessionError } from "./NoukaiError.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"

/**
 * One attempt at one step.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionStep {
  readonly stepId: string
  readonly attempt: number
  readonly status: string
  readonly loopIndex?: number | undefined
  readonly startedAt?: string | undefined
  readonly completedAt?: string | undefined
  /** Milliseconds. */
  readonly durationMs?: number | undefined
  readonly inputSnapshot?: unknown
  readonly outputSnapshot?: unknown
  readonly errorSnapshot?: unknown
  readonly truncated: boolean
}

/**
 * One run of a session.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionExecution {
  readonly executionId: string
  readonly status: string
  readonly flowId?: string | undefined
  readonly slug?: string | undefined
  readonly triggerType?: string | undefined
  readonly startedAt?: string | undefined
  readonly completedAt?: string | undefined
  readonly traceCaptureMode?: string | undefined
  readonly snapshotsAvailable: boolean
  readonly errorAtStep?: string | undefined
  readonly steps: ReadonlyArray<SessionStep>
}

/**
 * A recorded session.
 *
 * @since 0.1.0
 * @category models
 */
export interface Session {
  readonly sessionId: string
  readonly executions: ReadonlyArray<SessionExecution>
}

/**
 * @since 0.1.0
 */
export declare namespace SessionService {
  /**
   * The reads of sessions.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Reads the runs of a session. */
    readonly get: (sessionId: string, options?: ReadOptions) => Effect.Effect<Session, SessionError>
  }
}

/**
 * The service that reads sessions.
 *
 * @since 0.1.0
 * @category tags
 */
export class SessionService extends Context.Service<SessionService, SessionService.Service>()(
  "@effect-noukai/effect4/SessionService"
) {}

/**
 * Makes the service over a connection.
 *
 * @internal
 */
export const make = ({ runtime }: NoukaiHttp.Service): SessionService.Service => ({
  get: (sessionId, options = {}) =>
    call<Session, SessionError>(failures.session, (context, code) =>
      // the SDK has decoded it
      runtime.session(sessionId, inputOf(options, code), context) as Promise<Session>)
})
