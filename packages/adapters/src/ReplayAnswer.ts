/**
 * The response to a caller of your server after a replay failed. The middleware sends it itself. Your own error
 * handlers may need it.
 *
 * @since 0.1.0
 */
import { isReplayError, type ReplayError, type ReplayScopeError } from "@effect-noukai/sdk/NoukaiError"
import { looked } from "./internal/untrusted.js"

/**
 * The response to a request whose replay failed. Send it with `Cache-Control: no-store`, so that no cache keeps it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReplayAnswer {
  readonly status: number
  /** Sent as JSON. */
  readonly body: { readonly error: string; readonly message: string }
}

const answer = (status: number, error: string, message: string): ReplayAnswer => ({ status, body: { error, message } })

const table: { readonly [Tag in ReplayError["_tag"]]: readonly [status: number, error: string] } = {
  ReplayForbiddenError: [403, "replay_forbidden"],
  ReplaySessionNotFoundError: [404, "replay_session_not_found"],
  ReplaySessionExpiredError: [410, "replay_session_expired"],
  ReplayInvalidSessionError: [400, "replay_invalid_session"],
  ReplayNoSnapshotsError: [409, "replay_no_snapshots"],
  ReplayMissError: [500, "replay_error"],
  ReplayLeftoverError: [500, "replay_error"],
  ReplayDisabledError: [500, "replay_error"]
}

const ofReplayError = (error: ReplayError): ReplayAnswer => {
  const isUnfinished = error._tag === "ReplayMissError" && error.code === "REPLAY_UNFINISHED_CLIENT"
  const [status, code] = isUnfinished ? [409, "replay_unfinished"] as const : table[error._tag]
  return answer(status, code, error.message)
}

const maxCauses = 8

const found = (error: unknown): ReplayError | undefined => {
  let cause = error
  for (let depth = 0; depth <= maxCauses; depth++) {
    if (isReplayError(cause)) return cause
    if (typeof cause !== "object" || cause === null || !("cause" in cause)) return undefined
    cause = cause.cause
  }
  return undefined
}

/**
 * The replay error in an error: the error itself, or one of its causes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replayErrorIn = (error: unknown): ReplayError | undefined => looked(() => found(error))

/**
 * The response to a replay error, or to an error with a replay error as its cause; `undefined` for any other error.
 *
 * @since 0.1.0
 * @category combinators
 */
export const fromError = (error: unknown): ReplayAnswer | undefined => {
  const found = replayErrorIn(error)
  return found === undefined ? undefined : ofReplayError(found)
}

/**
 * The response when a replay cannot be opened. If the error is not a replay error, the caller learns only that the
 * server has no access (500) or that Noukai does not answer (502).
 *
 * @since 0.1.0
 * @category combinators
 */
export const fromOpening = (error: ReplayScopeError): ReplayAnswer => {
  if (isReplayError(error)) return ofReplayError(error)
  switch (error._tag) {
    case "AuthenticationError":
    case "InsufficientCreditsError":
    case "InvalidRequestError":
      return answer(500, "replay_error", "the recorded session cannot be read by this server")
    default:
      return answer(502, "replay_unavailable", "the recorded session could not be fetched")
  }
}
