/** Runs `authorize`. It trusts neither the verdict nor an error of the check. */
import { NoukaiError } from "@effect-noukai/promise/NoukaiError"
import { isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { called, looked, Thrown } from "../untrusted.js"
import { isJsonObject } from "./parseBody.js"

const isErrorStatus = (u: unknown): u is number => typeof u === "number" && Number.isInteger(u) && u >= 400 && u <= 599

/** The refusal of a caller. */
export interface Rejection {
  readonly status: number
  readonly detail: string
}

/**
 * The refusal that an error of `authorize` describes, if it has a status. The status of an error of ours is not for the
 * caller.
 */
export const rejectionOf = (error: unknown): Rejection | undefined => {
  if (!isJsonObject(error) || isNoukaiError(error) || error instanceof NoukaiError) return undefined
  const status = [error.status, error.statusCode].find(isErrorStatus)
  if (status === undefined) return undefined
  const { detail } = error
  return { status, detail: typeof detail === "string" ? detail : "FORBIDDEN" }
}

const nameOf = (error: unknown): string => {
  if (!isJsonObject(error)) return typeof error
  const { _tag } = error
  return typeof _tag === "string" ? _tag : error instanceof Error ? String(error.name) : "an object"
}

const isBoxed = (value: object): boolean =>
  value instanceof Boolean || value instanceof Number || value instanceof String

/** The kind of an object that does not identify a caller. Most such objects come from a mistake in `authorize`. */
const oddObject = (value: object): string | undefined => {
  if (Array.isArray(value)) return "an array"
  if (value instanceof Error) return "an error"
  if (isBoxed(value)) return "a boxed primitive"
  if (value instanceof Response) return "a response"
  // an Option, an Either and a response of the platform are Effects too
  if (Effect.isEffect(value)) return "an Effect"
  return Predicate.isPromiseLike(value) ? "a promise" : undefined
}

/** The kind, in words, of a value that is not a verdict; `undefined` for `true`, `false` and an object. */
const oddVerdict = (value: unknown): string | undefined => {
  if (typeof value === "boolean") return undefined
  if (value === undefined || value === null) return String(value)
  if (typeof value !== "object") return `a ${typeof value}`
  return Either.getOrElse(Either.try(() => oddObject(value)), () => "something that cannot be looked at")
}

export const forbidden: Rejection = { status: 403, detail: "FORBIDDEN" }

/**
 * The verdict of `authorize`, if it allows the run. Logs only the kind of an odd verdict, because the verdict may hold a
 * secret. An `authorize` that returns nothing is a mistake in the program, and is logged once.
 */
const judge = (adapter: string) => {
  let isTold = false
  return <V>(verdict: V): Effect.Effect<Exclude<V, false>, Rejection> => {
    const odd = oddVerdict(verdict)
    if (odd === undefined) return isAllowed(verdict) ? Effect.succeed(verdict) : Effect.fail(forbidden)
    if (verdict === undefined && isTold) return Effect.fail(forbidden)
    isTold ||= verdict === undefined
    const warning = `${adapter}: authorize returned ${odd}, and the request was refused; return true or an object, ` +
      "such as the user, to let the caller pass, and false to refuse"
    return Effect.zipRight(Effect.logWarning(warning), Effect.fail(forbidden))
  }
}

const isAllowed = <V>(verdict: V): verdict is Exclude<V, false> => verdict !== false

/**
 * The verdict of `authorize`, or the refusal of the caller. Logs only the name of an error, because its message may hold a
 * secret.
 */
export const authorized = <Request, Body, V, E, R>(
  authorize: (request: Request, body: Body) => Effect.Effect<V, E, R>,
  timeout: Duration.Duration,
  adapter = "relay"
) => {
  const judged = judge(adapter)
  return (request: Request, body: Body): Effect.Effect<Exclude<V, false>, Rejection, R> =>
    called(() => authorize(request, body)).pipe(
      Effect.timeoutOption(timeout),
      // the timeout also fires in an uninterruptible region, and a failed sibling does not wait for it
      Effect.interruptible,
      Effect.disconnect,
      Effect.catchAllCause((cause): Effect.Effect<never, Rejection> => {
        const [failed] = [...Cause.failures(cause), ...Cause.defects(cause)]
        const error = looked(() => failed instanceof Thrown ? failed.reason : failed)
        const refused = looked(() => rejectionOf(error))
        return refused === undefined
          ? Effect.zipRight(
            Effect.logDebug(`${adapter}: authorize refused with ${looked(() => nameOf(error)) ?? "something odd"}`),
            Effect.fail(forbidden)
          )
          : Effect.fail(refused)
      }),
      Effect.flatMap(Option.match({
        onNone: () =>
          Effect.zipRight(
            Effect.logWarning(`${adapter}: authorize took too long; the request was refused`),
            Effect.fail(forbidden)
          ),
        onSome: judged
      }))
    )
}
