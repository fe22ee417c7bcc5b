/** Answers errors and reports them. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as ErrorAnswer from "../ErrorAnswer.js"
import { type JsonAnswer, jsonAnswer } from "./jsonAnswer.js"
import { looked } from "./untrusted.js"

/** The log of an error that was answered. */
export const logged = (error: unknown): Effect.Effect<void> =>
  Effect.logError(`noukai: a request failed: ${looked(() => String(error)) ?? "an error that cannot be printed"}`)

/** Programs without Effect expect it on `console.error`. */
const toConsole = Logger.replace(Logger.defaultLogger, Logger.withLeveledConsole(Logger.stringLogger))

/** The response to an error of ours, which is also reported; `undefined` for any other error. */
export const handledError = (error: unknown, { onError }: ErrorAnswer.Options): JsonAnswer | undefined => {
  const answer = ErrorAnswer.fromError(error)
  if (answer === undefined) return undefined
  if (onError === undefined) Effect.runSync(Effect.provide(logged(error), toConsole))
  else looked(() => onError(error))
  return jsonAnswer(answer)
}
