/** Answers errors and reports them. */
import { NoukaiError } from "@effect-noukai/promise/NoukaiError"
import { isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as SafeText from "@effect-noukai/sdk/SafeText"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as ErrorAnswer from "../ErrorAnswer.js"
import { type JsonAnswer, jsonAnswer } from "./jsonAnswer.js"
import { looked } from "./untrusted.js"

/** The cause of an error of the Promise client has the flow, the status and the request id in its message. */
const lineOf = (error: unknown): string => {
  const cause = error instanceof NoukaiError && isNoukaiError(error.cause) ? error.cause : undefined
  return cause === undefined ? String(error) : `${cause._tag}: ${cause.message.replace(`${cause.method} `, "")}`
}

/** The text of a server for a log: without keys, without commands to a server of CI, and in one line. */
export const safe = (text: string): string =>
  SafeText.withoutCommands(SafeText.masked(text)).replace(SafeText.directions, "").replace(/\p{Cc}+/gu, " ")

/** The log of an error that was answered. */
export const logged = (error: unknown): Effect.Effect<void> =>
  Effect.logError(`noukai: a request failed: ${safe(looked(() => lineOf(error)) ?? "an error that cannot be printed")}`)

/** Programs without Effect expect a plain line on `console.error`. */
export const toConsole = Logger.replace(
  Logger.defaultLogger,
  Logger.withLeveledConsole(Logger.make(({ message }) => [message].flat().join(" ")))
)

/** The response to an error of ours, which is also reported; `undefined` for any other error. */
export const handledError = (error: unknown, { onError }: ErrorAnswer.Options): JsonAnswer | undefined => {
  const answer = ErrorAnswer.fromError(error)
  if (answer === undefined) return undefined
  if (onError === undefined) Effect.runSync(Effect.provide(logged(error), toConsole))
  else looked(() => onError(error))
  return jsonAnswer(answer)
}
