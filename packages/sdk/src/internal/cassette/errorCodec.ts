/** Typed errors as JSON, and back. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as E from "../../NoukaiError.js"
import { issueText } from "../schema/mismatch.js"
import { readEither } from "../schema/schemaReader.js"
import type { RecordedError } from "./RecordedCassette.js"
import { withoutSecrets } from "./secretForms.js"

/** Reads a recorded value. A mismatch is told in words, which quote values, but no secret. */
export const quotingNoSecret = <A>(
  value: unknown,
  read: (value: unknown) => Either.Either<A, string>
): Either.Either<A, string> => {
  const whole = read(value)
  if (Either.isRight(whole)) return whole
  const masked = read(withoutSecrets(value))
  return Either.isLeft(masked) ? masked : Either.left("a value does not fit")
}

/** Reads a recorded value by a schema. */
export const readRecorded = <A, I>(schema: Schema.Schema<A, I>): (value: unknown) => Either.Either<A, string> => {
  const read = readEither(schema)
  return (value) => quotingNoSecret(value, (json) => Either.mapLeft(read(json), issueText))
}

/** Made when an error is first read: few programs do. */
const recordableErrors = () =>
  Schema.Union(
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
    E.BudgetExceededError,
    E.RunInProgressError,
    E.ResultNotStoredError,
    E.AmbiguousRunError,
    E.ReplayMissError,
    E.ReplayForbiddenError,
    E.ReplaySessionNotFoundError,
    E.ReplaySessionExpiredError,
    E.ReplayInvalidSessionError,
    E.ReplayNoSnapshotsError
  )

let decode: ((value: unknown) => Either.Either<RecordableError, string>) | undefined

/**
 * Fields that are not recorded: a cause may name places of the recording machine, and the operation is that of the
 * replay.
 */
const leftOut: ReadonlySet<string> = new Set(["cause", "method", "name", "message", "stack"])

/** The error of a call that can be recorded. */
export type RecordableError = E.CallError | E.OnceError

export const encodeError = (error: RecordableError): RecordedError => ({
  ...Object.fromEntries(Object.entries(error).filter(([key, value]) => value !== undefined && !leftOut.has(key))),
  _tag: error._tag
})

export const decodeError = (recorded: RecordedError, method: string): Either.Either<RecordableError, string> =>
  (decode ??= readRecorded(recordableErrors()))({ ...recorded, method })
