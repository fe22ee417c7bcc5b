import * as Predicate from "effect/Predicate"

/** Whether an answer that may name a run names this one; the answer of another run is not used as a result. */
export const isOfRun = (executionId: string, named: string | null | undefined): boolean =>
  named === undefined || named === null || named === "" || named === executionId

export const otherRun = (named: string | null | undefined): string => `the server answered for another run, ${named}`

/** The code and the message of an error that the server stored or sent. */
export interface ServerProblem {
  /** The code, such as `MODEL_OVERLOADED`. Absent where the error has none. */
  readonly code?: string
  /** The message. Absent where the error has none. */
  readonly message?: string
}

interface RunProblem {
  readonly code: string | undefined
  readonly detail: string | undefined
}

type Fields = { readonly [key: string]: unknown }

const none: RunProblem = { code: undefined, detail: undefined }

const firstText = (fields: Fields, ...names: ReadonlyArray<string>): string | undefined => {
  for (const name of names) {
    const value = fields[name]
    if (typeof value === "string" && value !== "") return value
    if (typeof value === "number") return String(value)
  }
  return undefined
}

/** Text may be the JSON of an object. */
const parsed = (text: string): unknown => {
  if (!text.startsWith("{")) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Errors that nest more deeply say nothing more. */
const maxDepth = 5

const problemAt = (error: unknown, depth: number): RunProblem => {
  if (depth > maxDepth) return none
  if (typeof error === "string") {
    const problem = problemAt(parsed(error), depth + 1)
    return { code: problem.code, detail: problem.detail ?? (error === "" ? undefined : error) }
  }
  if (!Predicate.isRecord(error)) return none
  const inner = [error.error, error.detail, error.message, error.cause].find(Predicate.isRecord)
  const nested = inner === undefined ? none : problemAt(inner, depth + 1)
  return {
    code: firstText(error, "code", "errorCode", "error_code") ?? nested.code,
    detail: firstText(error, "message", "detail", "msg", "reason", "error") ?? nested.detail
  }
}

/**
 * The problem that a failed run or step reports: text, or an object with a code and a message, which may be that of
 * another one inside it.
 */
export const problemOf = (error: unknown): RunProblem => problemAt(error, 0)

/**
 * Returns the code and the message of an error as traces, sessions, jobs and failed results hold it: text, JSON as text, or
 * an object, which may hold another one.
 */
export const serverProblem = (error: unknown): ServerProblem => {
  const { code, detail } = problemOf(error)
  return { ...(code === undefined ? {} : { code }), ...(detail === undefined ? {} : { message: detail }) }
}

/** How long after its loop an iteration may end by the clocks of a server, in milliseconds. */
export const iterationLateness = 10
