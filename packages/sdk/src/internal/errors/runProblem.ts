import * as Predicate from "effect/Predicate"

/**
 * Whether an answer that may name a run names this one; the answer of another run is not used as a result.
 *
 * @internal
 */
export const isOfRun = (executionId: string, named: string | null | undefined): boolean =>
  named === undefined || named === null || named === "" || named === executionId

/** @internal */
export const otherRun = (named: string | null | undefined): string => `the server answered for another run, ${named}`

const textOf = (u: unknown, name: "code" | "message"): string | undefined => {
  const value = Predicate.isRecord(u) ? u[name] : undefined
  return typeof value === "string" ? value : undefined
}

/**
 * The problem that a failed run reports: text, or an object with a code and a message.
 *
 * @internal
 */
export const problemOf = (
  error: unknown
): { readonly code: string | undefined; readonly detail: string | undefined } => ({
  code: textOf(error, "code"),
  detail: typeof error === "string" ? error : textOf(error, "message")
})
