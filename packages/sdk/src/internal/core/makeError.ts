/**
 * The parts that the error classes share: their common fields, the line that they print, what they keep beside their
 * fields, and how errors are made.
 */
import type * as Cause from "effect/Cause"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import type { FlowCursor, PausedState } from "../../FlowCursor.js"
import { messageProperties, type Problem, type Terms, unreadable } from "../kit/names.js"
import { digitsOf, withDigits } from "../kit/plainJson.js"

export { type Problem, problem } from "../kit/names.js"

/**
 * A key that may be absent: the same as `absentable` in `json.ts`. This module imports none that imports it, and most do.
 */
const absentable = <A, I>(schema: Schema.Schema<A, I>): Schema.PropertySignature<"?:", A, never, "?:", I> =>
  Schema.optional(schema) as unknown as Schema.PropertySignature<"?:", A, never, "?:", I>

/**
 * Marks the errors of this package, across copies of it.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/sdk/NoukaiError")

/**
 * Marks the errors of this package, across copies of it.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * The known error codes of the server. Errors carry any other code unchanged.
 *
 * @since 0.1.0
 * @category models
 */
export type ServerErrorCode =
  | "FLOW_NOT_FOUND"
  | "INVALID_TREE"
  | "NO_STEPS"
  | "INSUFFICIENT_CREDITS"
  | "CREDITS_EXHAUSTED"
  | "BILLING_UNAVAILABLE"
  | "INTERNAL_ERROR"
  | "BYOK_KEY_REJECTED"
  | "TOOLS_NOT_ENABLED"
  | "TOOLS_INVALID"
  | "TOOL_NAME_INVALID"
  | "TOOLS_IN_NON_SEQUENTIAL_STEP"
  | "PAUSED_STEP_INVALID"
  | "EXECUTION_ID_INVALID"
  | "TOOL_RESULTS_MISMATCH"
  | "TOOL_ITERATION_LIMIT"
  | "MESSAGES_TOO_LARGE"
  | "MESSAGES_ROLE_INVALID"
  | "TOOLS_REQUIRE_SYNC_EXECUTE"
  | "INVALID_STEP_INDEX"
  | "INVALID_FIRST_CALL"
  | "STALE_TREE"
  | "MISSING_MESSAGE"
  | "RUN_NOT_FOUND"
  | "INVALID_VERSION"
  | "PARAMETER_NAME_RESERVED"
  | "MODEL_MIME_INCOMPATIBLE"
  | "JOB_NOT_FOUND"

/**
 * The code of an error: a known code of the server, `TOOL_CALL_LIMIT_CLIENT`, `TOOL_CALLS_UNANSWERED_CLIENT`,
 * `REPLAY_UNFINISHED_CLIENT` and `CLIENT_CLOSED` (of this package), or any other code of the server.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorCode =
  | ServerErrorCode
  | "TOOL_CALL_LIMIT_CLIENT"
  | "TOOL_CALLS_UNANSWERED_CLIENT"
  | "REPLAY_UNFINISHED_CLIENT"
  | "CLIENT_CLOSED"
  | (string & {})

const ErrorCode: Schema.Schema<ErrorCode, string> = Schema.String

/** The parts of an error that are neither encoded nor printed with its fields. */
interface Hidden {
  /** Builds the cursor when it is needed. */
  mark?: () => FlowCursor
  state?: PausedState
  /** The received JSON that the error was made of. */
  received?: unknown
}

const hiddenKey: unique symbol = Symbol("@effect-noukai/sdk/NoukaiError/hidden")

const hiddenOf = (error: object): Hidden | undefined => (error as { readonly [hiddenKey]?: Hidden })[hiddenKey]

/** Adds hidden parts to an error that has just been made. */
const hide = <E extends object>(error: E, parts: Hidden): E =>
  Object.defineProperty(error, hiddenKey, { value: { ...hiddenOf(error), ...parts }, configurable: true })

export const setCursor = (error: object, mark: () => FlowCursor): void => void hide(error, { mark })

/** The builder of the cursor of an error, if it has one. */
export const markOf = (error: object): (() => FlowCursor) | undefined => hiddenOf(error)?.mark

export const cursorOf = (error: object): FlowCursor | undefined => markOf(error)?.()

export const setState = (error: object, state: PausedState): void => void hide(error, { state })

export const stateOf = (error: object): PausedState | undefined => hiddenOf(error)?.state

export const receivedAs = <E extends object>(error: E, received: unknown): E =>
  received === undefined ? error : hide(error, { received })

export const receivedOf = (error: object): unknown => hiddenOf(error)?.received

/** A copy of the hidden parts of an error, and of the digits of its numbers, in another that has just been made. */
export const hiddenAs = <E extends object>(error: E, original: object): E =>
  withDigits(hide(error, hiddenOf(original) ?? {}), digitsOf(original))

interface Changes {
  readonly flow?: string
  readonly isRetryable?: boolean
  readonly sent?: string
  readonly executionId?: string
}

/** A copy of an error with other fields. The given one stays as it is: it is a value, and may be shared. */
export const amended = <E extends object>(error: E, changes: Changes, mark?: () => FlowCursor): E => {
  const Class = error.constructor as new(fields: object, options: typeof unchecked) => E
  const other = hiddenAs(new Class({ ...error, ...changes }, unchecked), error)
  if (mark !== undefined) setCursor(other, mark)
  return other
}

/** Allows any values of the server in an error: a constructor that checks its fields would throw. */
export const unchecked = { disableValidation: true }

type Known<F> =
  & { readonly [K in keyof F as undefined extends F[K] ? never : K]: F[K] }
  & { readonly [K in keyof F as undefined extends F[K] ? K : never]?: Exclude<F[K], undefined> }

/** The fields that are known: a key whose value is `undefined` is left out. */
export const known = <const F extends object>(fields: F): Known<F> =>
  Record.filter(fields as { readonly [name: string]: unknown }, Predicate.isNotUndefined) as Known<F>

/** The fields of an error as they are given: each optional one may be `undefined`, and `isRetryable` may be left out. */
type Given<F> =
  & {
    readonly [K in keyof F as K extends "isRetryable" ? never : K]: Partial<F> extends Pick<F, K> ? F[K] | undefined
      : F[K]
  }
  & { readonly isRetryable?: boolean }

/** Returns an error of a class, without the fields that are `undefined`. It is not retryable by default. */
export const newError = <E, F extends object>(
  Class: new(fields: F, options: typeof unchecked) => E,
  fields: Given<F>
): E => new Class({ isRetryable: false, ...known(fields) } as unknown as F, unchecked)

/** The facts of a refused call beside its problem. */
export interface RefusalFacts {
  readonly flow?: string | undefined
  readonly executionId?: string | undefined
}

const fields = {
  /** The operation that failed: `FlowService.execute`. */
  method: Schema.String,
  /** The flow of the call: `acme/spelling/grade-3`. */
  flow: absentable(Schema.String),
  /** The words of the server, the transport or the check, for people. */
  detail: absentable(Schema.String),
  /**
   * The status of the response, if there was one. It is not the status for a caller of yours: servers that look at the
   * `status` of an error first, such as Express, find 500 there.
   */
  statusCode: absentable(Schema.Number),
  /** The code of the error. */
  code: absentable(ErrorCode),
  /** The id of the run, where it is known. */
  executionId: absentable(Schema.String),
  /** The server's id of the request. */
  requestId: absentable(Schema.String),
  /** The body of the response, scrubbed of the key and cut at 64 KiB. */
  responseBody: absentable(Schema.String),
  /**
   * Whether the same call can be made again without starting a second run. An error of an event stream is retryable
   * only before anything has run because of it; go on from its `cursor` then.
   */
  isRetryable: Schema.Boolean,
  cause: absentable(Schema.Defect)
}

/** A failure, advice, and more lines. */
export type Words = readonly [what: string, hint?: string | undefined, more?: string]

export type Common = typeof fields

type CommonFields = Schema.Struct.Type<Common>

/**
 * The message of an error in one line: the failure, the flow, the words of the server, advice, and the ids to quote.
 */
const render = (error: CommonFields, operation: string, what: string, hint?: string): string => {
  const { code, detail = "", executionId, flow, requestId, statusCode } = error
  const facts = Object.entries({ status: statusCode, code, execution: executionId, request: requestId })
    .flatMap(([name, value]) => value === undefined ? [] : [`${name} ${value}`])
  const subject = flow === undefined ? operation : `${operation} ${flow}`
  return `${subject}: ${what}${detail === "" ? "" : `: ${detail}`}${
    facts.length === 0 ? "" : ` (${facts.join(", ")})`
  }` +
    (hint === undefined ? "" : `; ${hint}`)
}

export type FieldsOf<Tag extends string, Fields> = { readonly _tag: Schema.tag<Tag> } & Common & Fields

/** The parts of every error beside its fields. */
export interface Parts {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId
  /**
   * The place of the run, on errors of an event stream and of runs that go step by step, for `from` of `events`. Not
   * enumerable. Absent before a run has begun.
   *
   * @since 0.1.0
   */
  readonly cursor: FlowCursor | undefined
}

/** A class of errors, as `Schema.TaggedErrorClass`. */
export interface ErrorClass<Self, Tag extends string, Fields extends Schema.Struct.Fields> extends
  Schema.Class<
    Self,
    Fields,
    Schema.Struct.Encoded<Fields>,
    Schema.Struct.Context<Fields>,
    Schema.Struct.Constructor<Omit<Fields, "_tag">>,
    object,
    Cause.YieldableError & Parts
  >
{
  readonly _tag: Tag
}

/**
 * Makes a class of errors, with the common fields and a message. The `status` of 500 is not enumerable: the default
 * error handlers of Express and Koa answer with the `status` of an error, and with its `statusCode` if it has none. A
 * key of ours that Noukai refuses would be a 401 for the caller of such a server. Koa writes `status` too.
 */
export function failure<Self>() {
  return function<const Tag extends string, Fields extends Schema.Struct.Fields>(
    tag: Tag,
    own: Fields,
    words: (error: Schema.Struct.Type<Common & Fields>, terms: Terms) => Words
  ): ErrorClass<Self, Tag, FieldsOf<Tag, Fields>> {
    const made: object = Schema.TaggedError<object>(`@effect-noukai/sdk/${tag}`)(tag, { ...fields, ...own })
    // the class has the parts from here on, which the compiler cannot see
    const result = made as ErrorClass<Self, Tag, FieldsOf<Tag, Fields>> & { readonly prototype: object }
    Object.defineProperties(result.prototype, {
      [TypeId]: { value: TypeId },
      status: { value: 500, writable: true, configurable: true },
      cursor: {
        get() {
          return cursorOf(this)
        }
      },
      ...messageProperties((error: Schema.Struct.Type<Common & Fields> & CommonFields, terms) => {
        const [what, hint, more = ""] = words(error, terms)
        return render(error, terms.operation(error.method), what, hint) + more
      })
    })
    return result
  }
}

/**
 * A check on this side failed; nothing was sent. `field` names the input, `reason` the rule that it breaks.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequestError extends failure<InvalidRequestError>()("InvalidRequestError", {
  /** The name of the input: `parameters.difficulty`. */
  field: Schema.String,
  /** The rule that the input breaks. */
  reason: Schema.String
}, (error, terms) => [`invalid ${terms.option(error.field)}: ${error.reason}`]) {}

/** The error of a check on this side that failed, before anything was sent. */
export const invalid = (
  method: string,
  field: string,
  reason: string,
  facts?: RefusalFacts & { readonly cause?: unknown }
): InvalidRequestError => newError(InvalidRequestError, { method, field, reason, ...facts })

/** A checked value of a caller, or the error of the check. */
export type Checked<A> = Either.Either<A, InvalidRequestError>

/** A value without a problem, or the error of its problem. */
export const accepted = <A>(method: string, value: A, found: Problem | undefined, facts?: RefusalFacts): Checked<A> =>
  found === undefined ? Either.right(value) : Either.left(invalid(method, found.field, found.reason, facts))

/** Checks a value of a caller. One that cannot be read is refused as well. */
export const readable = <A, E>(
  method: string,
  field: string,
  check: () => Either.Either<A, E>,
  facts?: RefusalFacts
): Either.Either<A, E | InvalidRequestError> => {
  try {
    return check()
  } catch (cause) {
    return Either.left(invalid(method, field, unreadable, { ...facts, cause }))
  }
}
