/** Errors of the packages as the end of a command. */
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import type { UsageError } from "./CommandError.js"
import { CommandError } from "./CommandError.js"
import { type BatchCommandError, exitCodeOf, exitCodes } from "./exitCode.js"

/** What a command may be told of a run that it knows or may have begun. */
export interface Known {
  readonly flow?: string
  readonly sessionId?: string | undefined
}

const adviceOf = (error: NoukaiError | BatchCommandError, { flow, sessionId }: Known): ReadonlyArray<string> => {
  switch (error._tag) {
    case "AuthenticationError":
      return error.statusCode === undefined
        ? ["set NOUKAI_API_KEY, or give --key-file; noukai doctor says what is set"]
        : ["noukai doctor says which key is used, and where it is from"]
    case "APIConnectionError":
    case "APITimeoutError":
      if (error.executionId !== undefined && flow !== undefined) {
        return [`its run goes on all the same: noukai watch ${flow} ${error.executionId}`]
      }
      if (error.sent !== "no" && sessionId !== undefined) {
        return [`whether a run began is listed here: noukai session show ${sessionId}`]
      }
      return error.sent === "no" ? ["noukai doctor says what can be reached"] : []
    default:
      return []
  }
}

/** Ends the command with what a package failed with. */
export const toCommandError = (
  error: NoukaiError | BatchCommandError | CommandError | UsageError,
  does: "begins" | "reads",
  known: Known = {}
): CommandError =>
  error._tag === "CommandError"
    ? error
    : error._tag === "UsageError"
    ? new CommandError({ message: error.message, code: exitCodes.usage })
    : new CommandError({ message: error.message, code: exitCodeOf(error, does), advice: adviceOf(error, known) })

/** Ends the command with what a package failed with. A request that `begins` a run may have begun one. */
export const ending = (does: "begins" | "reads", known: Known = {}) =>
<A, R>(
  effect: Effect.Effect<A, NoukaiError | BatchCommandError | CommandError | UsageError, R>
): Effect.Effect<A, CommandError, R> => Effect.mapError(effect, (error) => toCommandError(error, does, known))
