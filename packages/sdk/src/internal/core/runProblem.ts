/** The words of the server about a run: whose it is, what went wrong in it, and whether it exists. */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** Whether an answer that may name a run names this one; the answer of another run is not used as a result. */
export const isOfRun = (executionId: string, named: string | null | undefined): boolean =>
  named === undefined || named === null || named === "" || named === executionId

export const otherRun = (named: string | null | undefined): string => `the server answered for another run, ${named}`

const ended: ReadonlySet<unknown> = new Set(["completed", "failed", "cancelled"])

/** Whether a run of this status runs no more. */
export const isEndedStatus = (status: unknown): boolean => ended.has(status)

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

/**
 * The problem that a failed run or step reports: text, or an object with a code and a message, which may stand in
 * another object inside it.
 */
export const problemOf = (error: unknown, depth = 0): RunProblem => {
  if (depth > maxDepth) return none
  if (typeof error === "string") {
    const problem = problemOf(parsed(error), depth + 1)
    return { code: problem.code, detail: problem.detail ?? (error === "" ? undefined : error) }
  }
  if (!Predicate.isRecord(error)) return none
  const inner = [error.error, error.detail, error.message, error.cause].find(Predicate.isRecord)
  const nested = inner === undefined ? none : problemOf(inner, depth + 1)
  return {
    code: firstText(error, "code", "errorCode", "error_code") ?? nested.code,
    detail: firstText(error, "message", "detail", "msg", "reason", "error") ?? nested.detail
  }
}

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

const decode = Schema.decodeUnknownOption(Schema.parseJson(Schema.Struct({
  detail: Schema.Union(Schema.String, Schema.Struct({ code: Schema.String }))
})))

/** The words of "session … not found" and its like. A text with any other word may be about something else. */
const words: ReadonlySet<string> = new Set((
  "not no unknown cannot doesn't does could be found find exist exists known such is are was were has have " +
  "there a an any the this that with by for under of in id run runs execution executions"
).split(" "))

const denials: ReadonlySet<string> = new Set(["not", "no", "unknown", "cannot", "doesn't"])

/** Whether a text says of one of some things that it does not exist: "Session 5d1c… not found", "No such job". */
const saysSo = (text: string, things: ReadonlyArray<string>, id = " "): boolean => {
  const said: ReadonlyArray<string> =
    text.toLowerCase().replaceAll(id.toLowerCase(), " ").match(/[a-z0-9]+(?:'[a-z]+)?/g) ?? []
  return said.some((word) => things.includes(word)) && said.some((word) => denials.has(word)) &&
    said.every((word) => things.includes(word) || words.has(word))
}

const says = (body: string, codes: ReadonlyArray<string>, things: ReadonlyArray<string>, id?: string): boolean =>
  Option.match(decode(body), {
    onNone: () => false,
    onSome: ({ detail }) => typeof detail === "string" ? saysSo(detail, things, id) : codes.includes(detail.code)
  })

/**
 * Whether the body of a 404 says that the session does not exist. The one rule of every look-up: where it is wrong, a
 * paid run is sent again. A gateway's 404, a 404 of a flow, and a body that was cut say nothing of a session.
 *
 * @see docs/wire.md#errors
 */
export const noSession = (body: string, sessionId: string): boolean =>
  says(body, ["NOT_FOUND", "SESSION_NOT_FOUND"], ["session"], sessionId)

/**
 * Whether the body of a 404 says that the flow, the job or the run does not exist. Where it is wrong, the result of a paid
 * run is lost.
 *
 * @see docs/wire.md#polls
 */
export const noRun = (body: string, executionId?: string): boolean =>
  says(
    body,
    ["NOT_FOUND", "JOB_NOT_FOUND", "RUN_NOT_FOUND", "FLOW_NOT_FOUND"],
    ["job", "run", "execution", "flow"],
    executionId
  )
