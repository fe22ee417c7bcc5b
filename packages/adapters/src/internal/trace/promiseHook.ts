import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { Thrown } from "../untrusted.js"
import { type Hook, ignored } from "./requestScope.js"

/**
 * A hook that is no Effect. A promise that it gives is not waited for.
 *
 * @internal
 */
export const promiseHook = (hook: ((error: ReplayError) => unknown) | undefined): Hook | undefined =>
  hook === undefined ? undefined : (error) => {
    const given = hook(error)
    if (!Predicate.isPromiseLike(given)) return Effect.void
    const settled = Effect.tryPromise({ try: () => given, catch: (reason) => new Thrown({ reason }) })
    return Effect.asVoid(Effect.forkDaemon(Effect.catchAllCause(settled, () => ignored)))
  }
