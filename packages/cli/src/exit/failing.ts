/** Turns errors of the packages into the failure of a command. */
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import { flagOf, hint, type ServerFlags } from "../terminal/shell.js"
import { CommandError, type UsageError } from "./CommandError.js"
import { type BatchCommandError, exitCodeOf, exitCodes } from "./exitCode.js"

/** The known facts of the run. */
export interface Known {
  readonly flow?: string
  readonly sessionId?: string | undefined
  /** Whether the command requests each step. Without it, the run stops after its current step. */
  readonly isWalked?: boolean
  /** Whether the same command again returns the result of the run. */
  readonly isOnce?: boolean
  /** Returns the command that continues the run. */
  readonly continuing?: (executionId: string) => string
}

/** Advice for a run that may have begun, and whose id is unknown. */
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

/** Options of a batch whose flags have another name. */
const batchFlags: { readonly [field: string]: string } = {
  adopt: "--no-adopt",
  batch: "the id",
  budgetUsd: "--budget",
  id: "the id",
  key: "the key"
}

/** Options of the SDK whose flags have another name. */
const sdkFlags: { readonly [field: string]: string } = {
  attachments: "--attach",
  executionId: "id",
  key: "--once",
  maxCostUsd: "--max-cost",
  message: "message",
  parameters: "--params",
  sessionId: "--session"
}

/** Returns the message of an error, without the method of the SDK that it begins with. */
export const withoutMethod = (error: { readonly message: string; readonly method?: string }): string => {
  const { message, method } = error
  return method !== undefined && message.startsWith(method)
    ? message.slice(method.length).replace(/^:? /, "")
    : message
}

/** Returns the message of an error. It names flags, not options or methods. */
const messageOf = (error: NoukaiError | BatchCommandError, { flow }: Known): string => {
  switch (error._tag) {
    case "InvalidBatchError":
      return `${batchFlags[error.field] ?? flagOf(error.field)} ${error.reason}`
    case "BatchConflictError":
      return `batch ${JSON.stringify(error.batch)} has the ${error.field} ${error.stored} in its ledger, ` +
        `not ${error.given}: use another id, or another --ledger`
    case "InvalidRequestError": {
      if (error.statusCode !== undefined) return withoutMethod(error)
      return error.field === "flow"
        ? `invalid flow${flow === undefined ? "" : ` ${JSON.stringify(flow)}`}: ` +
          "write org/project/slug, or set --org and --project"
        : withoutMethod(error).replace(
          `invalid ${error.field}:`,
          () => `invalid ${sdkFlags[error.field] ?? flagOf(error.field)}:`
        )
    }
    case "UnexpectedResponseError":
      return error.code === "TOOL_CALLS_UNANSWERED_CLIENT"
        ? `run ${error.executionId ?? "without an id"} is paused for tool calls: ` +
          "to answer them, run the flow from a program"
        : withoutMethod(error)
    default:
      return withoutMethod(error)
  }
}

/** An error that a command may fail with. */
export type Failure = NoukaiError | BatchCommandError | CommandError | UsageError

/** Returns the kind of an error in JSON. */
const kindOf = ({ _tag }: Failure): string =>
  _tag === "InvalidBatchError" || _tag === "BatchConflictError" ? "UsageError" : _tag

/** Returns the failure of a command. Commands in its advice use the same server. */
export const toCommandError = (
  error: Failure,
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
      kind: kindOf(error),
      code: exitCodeOf(error, does),
      advice: adviceOf(error, does, server, known)
    })

/** Maps errors to the failure of a command. If the request `begins` a run, a run may exist. */
export const ending =
  (does: "begins" | "reads", server: ServerFlags, known: Known = {}) =>
  <A, R>(effect: Effect.Effect<A, Failure, R>): Effect.Effect<A, CommandError, R> =>
    Effect.mapError(effect, (error) => toCommandError(error, does, server, known))
