/** Runs code of users. A getter or a proxy may throw when it is inspected, and the runtime inspects thrown values. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"

/** The value thrown by code that is not an Effect. */
export class Thrown extends Data.TaggedError("Thrown")<{ readonly reason: unknown }> {}

/** The Effect that a function returns. Fails with `Thrown` if the function throws. */
export const called = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | Thrown, R> =>
  Effect.flatten(Effect.try({ try: f, catch: (reason) => new Thrown({ reason }) }))

/** The value of a function that is not an Effect. Fails with `Thrown` if the function throws or its promise rejects. */
export const promised = <A>(f: () => A | PromiseLike<A>): Effect.Effect<A, Thrown> =>
  Effect.tryPromise({ try: async () => f(), catch: (reason) => new Thrown({ reason }) })

/** The result of inspecting a value; `undefined` if the inspection throws. */
export const looked = <A>(look: () => A): A | undefined => Either.getOrElse(Either.try(look), () => undefined)
