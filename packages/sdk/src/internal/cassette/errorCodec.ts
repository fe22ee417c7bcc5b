/**
 * Typed errors as JSON, and back.
 *
 * @internal
 */
import type * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as E from "../../NoukaiError.js"
import { readRecorded } from "./readRecorded.js"
import type { RecordedError } from "./RecordedCassette.js"

const CallErrors = Schema.Union(
  E.AuthenticationError,
  E.PermissionDeniedError,
  E.FlowNotFoundError,
  E.InsufficientCreditsError,
  E.RateLimitError,
  E.FlowExecutionError,
  E.APIConnectionError,
  E.APITimeoutError,
  E.InvalidRequestError,
  E.UnexpectedResponseError,
  E.ReplayMissError,
  E.ReplayForbiddenError,
  E.ReplaySessionNotFoundError,
  E.ReplaySessionExpiredError,
  E.ReplayInvalidSessionError,
  E.ReplayNoSnapshotsError
)

const decode = readRecorded(CallErrors)

/** A cause may say where the machine is that recorded it; the operation is whichever replays it. */
const leftOut: ReadonlySet<string> = new Set(["cause", "method", "name", "message", "stack"])

/** @internal */
export const encodeError = (error: E.CallError): RecordedError => ({
  ...Object.fromEntries(Object.entries(error).filter(([key, value]) => value !== undefined && !leftOut.has(key))),
  _tag: error._tag
})

/** @internal */
export const decodeError = (recorded: RecordedError, method: string): Either.Either<E.CallError, string> =>
  decode({ ...recorded, method })
