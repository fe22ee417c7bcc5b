import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../errors/invalid.js"

/**
 * Milliseconds of a clock that was checked before; `undefined` when it is off (infinite).
 *
 * @internal
 */
export const finite = (duration: Duration.Duration): number | undefined =>
  Duration.isFinite(duration) ? Duration.toMillis(duration) : undefined

/**
 * Milliseconds of a clock; `undefined` when it is off (infinite).
 *
 * @internal
 */
export const milliseconds = (
  method: string,
  field: string,
  input: Duration.DurationInput
): Either.Either<number | undefined, InvalidRequestError> => {
  if (typeof input === "number") {
    if (input === Infinity) return Either.right(undefined)
    if (input >= 0) return Either.right(input)
  } else {
    const duration = Duration.decodeUnknown(input)
    if (Option.isSome(duration)) {
      return Either.right(finite(duration.value))
    }
  }
  return Either.left(
    invalid(method, field, "must be a duration of at least 0: milliseconds as a number, or text such as \"30 seconds\"")
  )
}
