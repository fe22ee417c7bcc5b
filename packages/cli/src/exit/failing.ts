/** Errors of the packages as the end of a command. */
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import type { UsageError } from "./CommandError.js"
import { CommandError } from "./CommandError.js"
import { type BatchCommandError, exitCodeOf, exitCodes } from "./exitCode.js"

/** The facts of a run that a command knows or may have begun. */
export interface Known {
  readonly flow?: string
  readonly sessionId?: string | undefined
  /** Whether the command asks for every step, so that without it the run goes no further than one. */
  readonly isWalked?: boolean
  /** Whether the same command again gives the result of the run that it began. */
  readonly isOnce?: boolean
}

/** Where to look for a run that an answer without its id may have begun. */
const whereToLook = ({ isOnce, sessionId }: Known): ReadonlyArray<string> =>
  isOnce === true
    ? ["the same command again gives the result of a run that began"]
    : sessionId === undefined
    ? []
    : [`whether a run began is listed here: noukai session show ${sessionId}`]

const noFurther = (flow: string, executionId: string): string =>
  `its run goes no further than the step that had begun: noukai trace ${flow} ${executionId}`

const adviceOf = (
  error: NoukaiError | BatchCommandError,
  does: "begins" | "reads",
  known: Known
): ReadonlyArray<string> => {
  const { flow, isWalked } = known
  switch (error._tag) {
    case "AuthenticationError":
      return error.statusCode === undefined
        ? ["a key is set with NOUKAI_API_KEY or --key-file; noukai doctor says which key is used, and where it is from"]
        : ["noukai doctor says which key is used, and where it is from"]
    case "APIConnectionError":
    case "APITimeoutError":
      if (error.executionId !== undefined && flow !== undefined) {
        return [
          isWalked === true
            ? noFurther(flow, error.executionId)
            : `its run goes on all the same: noukai watch ${flow} ${error.executionId}`
        ]
      }
      return error.sent === "no" ? ["noukai doctor says what can be reached"] : whereToLook(known)
    case "CostLimitError":
    case "RateLimitError":
    case "InsufficientCreditsError":
      return isWalked !== true || flow === undefined || error.executionId === undefined
        ? []
        : [noFurther(flow, error.executionId)]
    case "RunInProgressError":
      return flow === undefined || error.executionId === undefined ? [] : [`noukai watch ${flow} ${error.executionId}`]
    case "AmbiguousRunError":
      return flow === undefined ? [] : error.executionIds.map((id) => `noukai trace ${flow} ${id}`)
    default:
      return exitCodeOf(error, does) === exitCodes.mayExist ? whereToLook(known) : []
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
    : new CommandError({ message: error.message, code: exitCodeOf(error, does), advice: adviceOf(error, does, known) })

/** Ends the command with what a package failed with. A request that `begins` a run may have begun one. */
export const ending = (does: "begins" | "reads", known: Known = {}) =>
<A, R>(
  effect: Effect.Effect<A, NoukaiError | BatchCommandError | CommandError | UsageError, R>
): Effect.Effect<A, CommandError, R> => Effect.mapError(effect, (error) => toCommandError(error, does, known))
