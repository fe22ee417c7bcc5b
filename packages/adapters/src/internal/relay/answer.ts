import { isCount, isNegativeTime } from "@effect-noukai/sdk/kit/names"
import { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { jsonHeaders } from "../jsonAnswer.js"

/** The response to a caller: status, headers and body. */
export interface Answer {
  readonly status: number
  /** JSON text; absent for a status whose responses have no body. */
  readonly body?: string
  readonly headers: Readonly<Record<string, string>>
  /** Whether the request has been read to its end. If not, the server reads on while it sends the response. */
  readonly isRead: boolean
}

export const answer = (status: number, body: string | undefined, isRead: boolean = true): Answer => ({
  status,
  ...(body === undefined ? undefined : { body }),
  headers: body === undefined ? { "cache-control": "no-store" } : jsonHeaders,
  isRead
})

/** The answer to a request that the relay refuses. */
export const refusal = (status: number, code: string, isRead?: boolean): Answer =>
  answer(status, JSON.stringify({ detail: code }), isRead)

export const invalid = (field: string, reason: string, method = "Relay.make"): InvalidRequestError =>
  new InvalidRequestError({ method, field, reason, isRetryable: false }, { disableValidation: true })

/** A checked count. Refuses a value that is not a number, because it would not limit anything. */
export const limit = (
  field: string,
  value: unknown,
  otherwise: number,
  method?: string
): Either.Either<number, InvalidRequestError> => {
  if (value === undefined) return Either.right(otherwise)
  return value === Infinity || isCount(value, 0)
    ? Either.right(value)
    : Either.left(invalid(field, "must be a whole number of at least 0, or Infinity", method))
}

/** A checked duration. */
export const clock = (
  field: string,
  value: unknown,
  otherwise: Duration.DurationInput,
  method?: string
): Either.Either<Duration.Duration, InvalidRequestError> => {
  const duration = isNegativeTime(value)
    ? Option.none()
    : Duration.decodeUnknown(value === undefined ? otherwise : value)
  const reason = "must be a duration of at least 0: milliseconds as a number, or text such as \"30 seconds\""
  return Either.fromOption(duration, () => invalid(field, reason, method))
}
