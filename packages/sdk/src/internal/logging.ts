import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { LogEvent, LogHook } from "../LogHook.js"

/**
 * The hook of a client, made safe: what it throws is reported once as a warning and never reaches the call.
 *
 * @internal
 */
export const makeLog = (hook: LogHook): Effect.Effect<(event: LogEvent) => void> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    let reported = false
    return (event) => {
      try {
        hook(event)
      } catch (error) {
        if (reported) return
        reported = true
        Runtime.runFork(runtime)(Effect.logWarning("the Noukai log hook threw and was ignored", error))
      }
    }
  })
