/**
 * The refusal of an endpoint: the status and body that go to the caller.
 *
 * @see docs/wire.md#errors
 */
import * as Data from "effect/Data"
import * as Either from "effect/Either"

/**
 * One entry of a 422 body.
 *
 * @see docs/wire.md#errors
 */
export interface ValidationIssue {
  readonly loc: ReadonlyArray<string | number>
  readonly msg: string
  readonly type: string
}

export class ApiError extends Data.TaggedError("ApiError")<{
  readonly status: number
  readonly detail:
    | { readonly code: string; readonly message: string; readonly [extra: string]: unknown }
    | string
    | ReadonlyArray<ValidationIssue>
  readonly headers?: { readonly [name: string]: string }
}> {}

/**
 * A refusal with a code.
 *
 * @see docs/wire.md#codes
 */
export const coded = (
  status: number,
  code: string,
  message: string,
  extra?: { readonly [name: string]: unknown }
): ApiError => new ApiError({ status, detail: { code, message, ...extra } })

/** A refusal with a code, as the failed result of a check. */
export const refuse = (status: number, code: string, message: string): Either.Either<never, ApiError> =>
  Either.left(coded(status, code, message))

/**
 * A validation failure with its places.
 *
 * @see docs/wire.md#errors
 */
export const invalid = (issues: ReadonlyArray<ValidationIssue>): ApiError =>
  new ApiError({ status: 422, detail: issues })
