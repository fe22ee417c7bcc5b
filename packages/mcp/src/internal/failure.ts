/** Why a call of a tool has no result. */
import type * as Promises from "@effect-noukai/promise"
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"

/** A failure, as the agent is told. */
export class ToolFailure extends Data.TaggedError("ToolFailure")<{
  readonly code: string
  readonly message: string
  readonly executionId?: string | undefined
  /** Whether this call certainly paid for nothing. */
  readonly isFree?: boolean
  /** Whether no step of its run was cut off, so that its cost is known. */
  readonly isSettled?: boolean
  /** For the log. */
  readonly cause?: unknown
}> {}

export const failure = (
  code: string,
  message: string,
  more: { readonly executionId?: string | undefined; readonly cause?: unknown; readonly isSettled?: true } = {}
): ToolFailure => new ToolFailure({ code, message, ...more })

/** The names of errors that come before a run, or in place of one. */
const free = new Set([
  "AuthenticationError",
  "PermissionDeniedError",
  "FlowNotFoundError",
  "InsufficientCreditsError",
  "RateLimitError",
  "InvalidRequestError",
  "RunInProgressError",
  "AmbiguousRunError",
  "ResultNotStoredError"
])

const screaming = (name: string): string =>
  name.replace(/Error$/, "").replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, "_").toUpperCase()

const isNoukaiError = (error: unknown): error is Promises.NoukaiError =>
  error instanceof Error && Predicate.hasProperty(error, "isRetryable")

const short = (text: string): string => {
  const line = text.split("\n", 1)[0]!.trim()
  return line.length > 300 ? `${line.slice(0, 299)}…` : line
}

/**
 * The message of an error of the client, without what the agent does not know, the operation, or is told beside it, the
 * run.
 */
const messageOf = (error: Promises.NoukaiError): string =>
  error.name === "RunInProgressError"
    ? "the run of this key has not ended: call again later"
    : short(
      error.message
        .replace(/^\w+\.\w+(?: \S+)?: /, "")
        .replace(/ \(execution [^\s,)]+\)/, "")
        .replace(/(?<=\()execution [^\s,)]+, |, execution [^\s,)]+(?=[,)])/, "")
    )

/** The failure of an error of the client. */
export const ofError = (error: unknown, executionId?: string): ToolFailure => {
  if (!isNoukaiError(error)) {
    return new ToolFailure({
      code: "INTERNAL",
      message: "the call failed; the log has the reason",
      executionId,
      cause: error
    })
  }
  const unsent = "sent" in error && error.sent === "no"
  return new ToolFailure({
    code: error.code ?? screaming(error.name),
    message: messageOf(error),
    executionId: error.executionId ?? executionId,
    isFree: executionId === undefined && (unsent || free.has(error.name)),
    isSettled: error.name === "CostLimitError",
    cause: error
  })
}
