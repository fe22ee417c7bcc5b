/**
 * Reads sessions: what ran under an id.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { runOptions, timedRead } from "./internal/operations/operations.js"
import type { SessionResponse } from "./internal/operations/requests.js"
import { isSessionId, notSessionId } from "./internal/operations/scope.js"
import type { TimedReadOptions } from "./internal/options/callOptions.js"
import type { SessionError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"

export { SessionExecution, SessionStep } from "./internal/operations/requests.js"
export type { TimedReadOptions } from "./internal/options/callOptions.js"

/**
 * The runs under a session id, in the order in which they were recorded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Session extends SessionResponse {}

/**
 * The types of {@link SessionService}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace SessionService {
  /**
   * The operations that read sessions.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * The runs of a session: of each its flow, how it was begun (`execute`, `step`, `job`), its status and times, its
     * capture mode, whether payloads were kept, and its steps. A run is listed as soon as it has begun.
     *
     * An id that is not a UUID is a `ReplayInvalidSessionError` before anything is sent. A session that nothing ran in is a
     * `ReplaySessionNotFoundError`, one of another project a `ReplayForbiddenError`, one that is gone a
     * `ReplaySessionExpiredError`. In the replay of a session its own id is answered from the recording.
     *
     * @example
     * ```ts
     * import { SessionService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const whatRan = (sessionId: string) =>
     *   Effect.gen(function*() {
     *     const sessions = yield* SessionService
     *     const { executions } = yield* sessions.get(sessionId)
     *     return executions.map(({ executionId, slug, status }) => `${slug ?? "a deleted flow"} ${executionId} ${status}`)
     *   })
     * ```
     */
    readonly get: (sessionId: string, options?: TimedReadOptions) => Effect.Effect<Session, SessionError>
  }
}

/**
 * Reads sessions: what ran under an id.
 *
 * @since 0.1.0
 * @category tags
 */
export class SessionService extends Context.Tag("@effect-noukai/sdk/SessionService")<
  SessionService,
  SessionService.Service
>() {}

const get = (http: NoukaiHttp.Service): SessionService.Service["get"] => (sessionId, given = {}) =>
  Effect.gen(function*() {
    const method = "SessionService.get"
    if (!isSessionId(sessionId)) return yield* notSessionId(method, sessionId)
    const options = yield* runOptions(method, given)
    return yield* timedRead(http, method, options, {}, (context) => http.request("session", { ...context, sessionId }))
  })

/**
 * Makes the service over `NoukaiHttp`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<SessionService.Service, never, NoukaiHttp> = Effect.map(
  NoukaiHttp,
  (http) => ({ get: get(http) })
)

/**
 * The service over {@link NoukaiHttp}: live, in a replay, or scripted by a test.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<SessionService, never, NoukaiHttp> = Layer.effect(SessionService, make)
