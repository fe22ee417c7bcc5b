/** Reports log events to the log hook and, at level debug, to Effect's `Logger`. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import type { LogEvent, LogHook } from "../../Telemetry.js"
import { writesDebug } from "../core/fiber.js"

/** The safe hook of a client: an exception is reported once as a warning and never reaches the call. */
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
        // an async function fits the type of a hook; its rejection must not end the process
        if (Predicate.isPromiseLike(outcome)) outcome.then(undefined, report)
      } catch (error) {
        report(error)
      }
    }
  })

export type EventSink = (event: LogEvent) => Effect.Effect<void>

/** Writes an event as a log line: its subject as text, every field as an annotation. */
const debugLine: EventSink = (event) => {
  const { phase, ...fields } = event
  const about = "path" in event ? `${event.method} ${event.path}` : `${event.mode} ${event.sessionId}`
  return Effect.annotateLogs(Effect.logDebug(`noukai ${phase}: ${about}`), fields)
}

/** The sink of a fiber's log events; `undefined` without a listener. */
export const makeEventSink = (
  hook: ((event: LogEvent) => void) | undefined
): (fiber: Fiber.RuntimeFiber<unknown, unknown>) => EventSink | undefined => {
  const toHook: EventSink | undefined = hook && ((event) => Effect.sync(() => hook(event)))
  const toBoth: EventSink = toHook === undefined
    ? debugLine
    : (event) => Effect.zipRight(toHook(event), debugLine(event))
  return (fiber) => writesDebug(fiber) ? toBoth : toHook
}
