/** Reads the responses of the endpoints from JSON, off the wire and out of a recording. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import { FlowRun, StepAttempts, StepTrace, Trace } from "../../Trace.js"
import { withRaw } from "../core/json.js"
import { issueText } from "../core/mismatch.js"
import { readEither } from "../core/wire.js"
import { ExecuteResponse, PollJobResponse, RunListResponse, SessionResponse, SubmitJobResponse } from "./requests.js"

/** The facts of a response beside its body. */
export interface ResponseFacts {
  /** The body, if a server sent it; absent for a recording without it. */
  readonly raw: unknown
  readonly requestId?: string | undefined
}

/** Reads a body. A string is the reason why it does not fit. */
export type ReadBody<A> = (json: unknown, received: ResponseFacts) => Either.Either<A, string>

const reading = <A, I>(schema: Schema.Schema<A, I>): (json: unknown) => Either.Either<A, string> => {
  const decode = readEither(schema)
  return (json) => Either.mapLeft(decode(json), issueText)
}

const whole = <A extends object, I>(schema: Schema.Schema<A, I>): ReadBody<A> => {
  const decode = reading(schema)
  return (json, { raw }) => Either.map(decode(json), (value) => withRaw(value, raw))
}

/** Reads a body whose response has the id of its request. */
const answered = <A extends object, I>(schema: Schema.Schema<A, I>): ReadBody<A> => {
  const decode = reading(schema)
  return (json, { raw, requestId }) => Either.map(decode(json), (value) => withRaw({ ...value, requestId }, raw))
}

const fieldOf = (raw: unknown, name: string): unknown => Predicate.isRecord(raw) ? raw[name] : undefined

/** Reads a body with a list, and adds to each entry the JSON that it was read from. */
const listing = <A extends { readonly [K in Name]: ReadonlyArray<object> }, I, const Name extends string>(
  schema: Schema.Schema<A, I>,
  name: Name
): ReadBody<A> => {
  const decode = whole(schema)
  return (json, received) =>
    Either.map(decode(json, received), (value) => {
      const raw = fieldOf(received.raw, name)
      if (Array.isArray(raw)) value[name].forEach((entry, place) => withRaw(entry, raw[place]))
      return value
    })
}

const decodeExecuted = answered(ExecuteResponse)

const statuses: ReadonlySet<unknown> = new Set(["completed", "failed", "tool_calls_required"])

const explained = (json: unknown, problem: string): string => {
  const status = fieldOf(json, "status")
  return typeof status === "string" && !statuses.has(status) ? `unknown status ${JSON.stringify(status)}` : problem
}

const execute: ReadBody<ExecuteResponse> = (json, received) =>
  Either.mapLeft(decodeExecuted(json, received), (problem) => explained(json, problem))

const decodeTrace = listing(Trace, "steps")

const trace: ReadBody<Trace> = (json, received) =>
  Either.map(decodeTrace(json, received), (value) => {
    withRaw(value.flowRun, fieldOf(received.raw, "flowRun"))
    return value
  })

export const readBody = {
  execute,
  submitJob: whole(SubmitJobResponse),
  pollJob: answered(PollJobResponse),
  trace,
  stepTrace: whole(StepTrace),
  stepAttempts: listing(StepAttempts, "attempts"),
  runSummary: whole(FlowRun),
  runList: listing(RunListResponse, "runs"),
  session: whole(SessionResponse)
}
