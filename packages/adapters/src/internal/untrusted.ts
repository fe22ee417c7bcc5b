/**
 * Code of users, and what comes of it. A getter or a proxy may throw when it is looked at, and the runtime looks at what
 * is thrown to it.
 *
 * @internal
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { constUndefined } from "effect/Function"

/**
 * What code that is no Effect has thrown, whatever it is.
 *
 * @internal
 */
export class Thrown extends Data.TaggedError("Thrown")<{ readonly reason: unknown }> {}

/**
 * The Effect that a function gives. What the function throws instead is a `Thrown`.
 *
 * @internal
 */
export const called = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | Thrown, R> =>
  Effect.suspend(() =>
    Either.getOrElse(
      Either.try({ try: f, catch: (reason) => new Thrown({ reason }) }),
      (thrown): Effect.Effect<A, E | Thrown, R> => Effect.fail(thrown)
    )
  )

/**
 * What is seen by looking at a value; `undefined` if the value does not let itself be looked at.
 *
 * @internal
 */
export const looked = <A>(look: () => A): A | undefined => Either.getOrElse(Either.try(look), constUndefined)
