import * as Effect from "effect/Effect"
import { runInScope } from "../scope/ambientScope.js"
import { currentScope } from "../scope/currentScope.js"

/** @internal */
export interface PromiseOptions<A, E> {
  readonly try: (signal: AbortSignal) => PromiseLike<A>
  readonly catch: (error: unknown) => E
}

/**
 * Runs asynchronous code that is no Effect with the fiber's scope.
 *
 * @internal
 */
export const promiseInScope = <A, E>(options: PromiseOptions<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(
    currentScope,
    (scope) => Effect.tryPromise({ ...options, try: (signal) => runInScope(scope, () => options.try(signal)) })
  )
