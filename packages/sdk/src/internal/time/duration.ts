import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../errors/makeError.js"

/** Milliseconds of a duration that was checked before; `undefined` when it is infinite. */
export const finite = (duration: Duration.Duration): number | undefined =>
  Duration.isFinite(duration) ? Duration.toMillis(duration) : undefined

const isPart = (u: unknown): boolean => typeof u === "number" && u >= 0

/** Whether an input is negative, which Effect takes for zero, and a clock of zero runs out at once. */
const isNegative = (input: unknown): boolean => {
  switch (typeof input) {
    case "string":
      return input.startsWith("-")
    case "bigint":
      return input < 0n
    default:
      return Array.isArray(input) && !(isPart(input[0]) && isPart(input[1]))
  }
}

/**
 * Milliseconds of a duration of any form, which may be infinite; `undefined` for a value that is none, or is negative.
 */
export const toMillis = (input: unknown): number | undefined => {
  if (typeof input === "number") return input >= 0 ? input : undefined
  try {
    if (isNegative(input)) return undefined
    const millis = Option.map(Duration.decodeUnknown(input), Duration.toMillis)
    return Option.isSome(millis) && millis.value >= 0 ? millis.value : undefined
  } catch {
    return undefined
  }
}

export const durationReason =
  "must be a duration of at least 0: milliseconds as a number, or text such as \"30 seconds\""

/** Milliseconds of a limit that was checked; `undefined` when it is infinite. */
export const limitOf = (input: Duration.DurationInput): number | undefined => {
  const millis = toMillis(input)
  return millis === Infinity ? undefined : millis
}

/** Milliseconds of an optional duration; `undefined` when it is infinite. */
export const milliseconds = (
  method: string,
  field: string,
  input: Duration.DurationInput
): Either.Either<number | undefined, InvalidRequestError> => {
  const millis = toMillis(input)
  if (millis === undefined) return Either.left(invalid(method, field, durationReason))
  return Either.right(millis === Infinity ? undefined : millis)
}
