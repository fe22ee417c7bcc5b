import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { Thrown } from "../untrusted.js"
import { ignored, type ReplayErrorHook } from "./requestScope.js"

/** A hook that is not an Effect. A promise that it returns is not awaited. */
export const promiseHook = (hook: ((error: ReplayError) => unknown) | undefined): ReplayErrorHook | undefined =>
  hook === undefined ? undefined : (error) => {
    const given = hook(error)
    if (!Predicate.isPromiseLike(given)) return Effect.void
    const settled = Effect.tryPromise({ try: () => given, catch: (reason) => new Thrown({ reason }) })
    return Effect.asVoid(Effect.forkDaemon(Effect.catchAllCause(settled, () => ignored)))
  }
