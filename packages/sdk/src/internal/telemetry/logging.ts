import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import type { LogEvent, LogHook } from "../../LogHook.js"

/**
 * The hook of a client, made safe: what it throws is reported once as a warning and never reaches the call.
 *
 * @internal
 */
export const makeLog = (hook: LogHook): Effect.Effect<(event: LogEvent) => void> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    let reported = false
    const report = (error: unknown): void => {
      if (reported) return
      reported = true
      Runtime.runFork(runtime)(Effect.logWarning("the Noukai log hook threw and was ignored", error))
    }
    return (event) => {
      try {
        const outcome: unknown = hook(event)
        // an async function fits the type of a hook; what it rejects with must not end the process
        if (Predicate.isPromiseLike(outcome)) outcome.then(undefined, report)
      } catch (error) {
        report(error)
      }
    }
  })
