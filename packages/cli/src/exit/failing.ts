/** Errors of the packages as the end of a command. */
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import { hint, type ServerFlags } from "../terminal/shell.js"
import type { Voice } from "../terminal/Terminal.js"
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
  /** The command that continues a walked run. */
  readonly continuing?: (executionId: string) => string
}

/** Where to look for a run that an answer without its id may have begun. */
const whereToLook = (server: ServerFlags, { isOnce, sessionId }: Known): ReadonlyArray<string> =>
  isOnce === true
    ? ["if a run began, the same command again returns its result"]
    : sessionId === undefined
    ? []
    : [`to see whether a run began: ${hint(server, "session show", [sessionId])}`]

const noFurther = (
  server: ServerFlags,
  flow: string,
  executionId: string,
  { continuing }: Known = {}
): ReadonlyArray<string> => [
  `the run stopped after its current step: ${hint(server, "trace", [flow, executionId])}`,
  ...continuing === undefined
    ? []
    : [`to continue it (that step may run, and be billed, again): ${continuing(executionId)}`]
]

const adviceOf = (
  error: NoukaiError | BatchCommandError,
  does: "begins" | "reads",
  server: ServerFlags,
  known: Known
): ReadonlyArray<string> => {
  const { flow, isWalked } = known
  const doctor = hint(server, "doctor")
  switch (error._tag) {
    case "AuthenticationError":
      return error.statusCode === undefined
        ? [`set a key with NOUKAI_API_KEY or --key-file; to see which key is used: ${doctor}`]
        : [`to see which key is used: ${doctor}`]
    case "APIConnectionError":
    case "APITimeoutError":
      if (error.executionId !== undefined && flow !== undefined) {
        return isWalked === true
          ? noFurther(server, flow, error.executionId, known)
          : [`the run continues: ${hint(server, "watch", [flow, error.executionId])}`]
      }
      return error.sent === "no" ? [`to see what can be reached: ${doctor}`] : whereToLook(server, known)
    case "CostLimitError":
    case "RateLimitError":
    case "InsufficientCreditsError":
      return isWalked !== true || flow === undefined || error.executionId === undefined
        ? []
        : noFurther(server, flow, error.executionId, error._tag === "CostLimitError" ? {} : known)
    case "RunInProgressError":
      return flow === undefined || error.executionId === undefined
        ? []
        : [hint(server, "watch", [flow, error.executionId])]
    case "AmbiguousRunError":
      return flow === undefined ? [] : error.executionIds.map((id) => hint(server, "trace", [flow, id]))
    default:
      return exitCodeOf(error, does) === exitCodes.mayExist ? whereToLook(server, known) : []
  }
}

/** The message of an error, with the flags that correct it. */
const messageOf = (error: NoukaiError | BatchCommandError, { flow }: Known): string => {
  if (error._tag === "InvalidRequestError" && error.field === "flow" && error.statusCode === undefined) {
    return `invalid flow${flow === undefined ? "" : ` ${JSON.stringify(flow)}`}: ` +
      "write org/project/slug, or set --org and --project"
  }
  return error._tag === "UnexpectedResponseError" && error.code === "TOOL_CALLS_UNANSWERED_CLIENT"
    ? `run ${
      error.executionId ?? "without an id"
    } is paused for tool calls: to answer them, run the flow from a program`
    : error.message
}

/** Ends the command with what a package failed with. */
export const toCommandError = (
  error: NoukaiError | BatchCommandError | CommandError | UsageError,
  does: "begins" | "reads",
  server: ServerFlags,
  known: Known = {}
): CommandError =>
  error._tag === "CommandError"
    ? error
    : error._tag === "UsageError"
    ? new CommandError({ message: error.message, code: exitCodes.usage, kind: error._tag })
    : new CommandError({
      message: messageOf(error, known),
      kind: error._tag,
      code: exitCodeOf(error, does),
      advice: adviceOf(error, does, server, known)
    })

/**
 * Ends the command with what a package failed with. A request that `begins` a run may have begun one. The hints ask the
 * server of `input`.
 */
export const ending = (does: "begins" | "reads", known: Known = {}) =>
<A, R>(
  effect: Effect.Effect<A, NoukaiError | BatchCommandError | CommandError | UsageError, R>,
  input: ServerFlags & Voice
): Effect.Effect<A, CommandError, R> => Effect.mapError(effect, (error) => toCommandError(error, does, input, known))
