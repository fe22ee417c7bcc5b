import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

const invalid = (field: string, reason: string): InvalidRequestError =>
  new InvalidRequestError({ method: "Relay.make", field, reason, isRetryable: false }, { disableValidation: true })

/**
 * A checked count. A value that is no number is refused, because it would bound nothing.
 *
 * @internal
 */
export const limit = (
  field: string,
  value: unknown,
  otherwise: number
): Either.Either<number, InvalidRequestError> => {
  if (value === undefined) return Either.right(otherwise)
  return typeof value === "number" && value >= 0 && (Number.isInteger(value) || value === Infinity)
    ? Either.right(value)
    : Either.left(invalid(field, "must be a whole number of at least 0, or Infinity"))
}

/**
 * A checked duration.
 *
 * @internal
 */
export const clock = (
  field: string,
  value: unknown,
  otherwise: Duration.DurationInput
): Either.Either<Duration.Duration, InvalidRequestError> => {
  const duration = typeof value === "number" && !(value >= 0)
    ? Option.none()
    : Duration.decodeUnknown(value === undefined ? otherwise : value)
  return Either.fromOption(
    duration,
    () => invalid(field, "must be a duration of at least 0: milliseconds as a number, or text such as \"30 seconds\"")
  )
}
