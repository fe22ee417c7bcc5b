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

const fieldOf = (raw: unknown, name: string): unknown => Predicate.isRecord(raw) ? raw[name] : undefined

/** Adds to each entry of a list the JSON that it was read from. */
const eachRaw = (values: ReadonlyArray<object>, raw: unknown): void => {
  if (Array.isArray(raw)) values.forEach((value, place) => withRaw(value, raw[place]))
}

const decodeExecuted = reading(ExecuteResponse)

const statuses: ReadonlySet<unknown> = new Set(["completed", "failed", "tool_calls_required"])

const explained = (json: unknown, problem: string): string => {
  const status = fieldOf(json, "status")
  return typeof status === "string" && !statuses.has(status) ? `unknown status ${JSON.stringify(status)}` : problem
}

const execute: ReadBody<ExecuteResponse> = (json, { raw, requestId }) =>
  Either.mapBoth(decodeExecuted(json), {
    onLeft: (problem) => explained(json, problem),
    onRight: (response) => withRaw({ ...response, requestId }, raw)
  })

const decodePolled = reading(PollJobResponse)

const pollJob: ReadBody<PollJobResponse> = (json, { raw, requestId }) =>
  Either.map(decodePolled(json), (polled) => withRaw({ ...polled, requestId }, raw))

const decodeTrace = whole(Trace)

const trace: ReadBody<Trace> = (json, received) =>
  Either.map(decodeTrace(json, received), (value) => {
    withRaw(value.flowRun, fieldOf(received.raw, "flowRun"))
    eachRaw(value.steps, fieldOf(received.raw, "steps"))
    return value
  })

const decodeAttempts = whole(StepAttempts)

const decodeList = whole(RunListResponse)

export const readBody = {
  execute,
  submitJob: whole(SubmitJobResponse),
  pollJob,
  trace,
  stepTrace: whole(StepTrace),
  stepAttempts: ((json, received) =>
    Either.map(decodeAttempts(json, received), (value) => {
      eachRaw(value.attempts, fieldOf(received.raw, "attempts"))
      return value
    })) satisfies ReadBody<StepAttempts>,
  runSummary: whole(FlowRun),
  runList: ((json, received) =>
    Either.map(decodeList(json, received), (value) => {
      eachRaw(value.runs, fieldOf(received.raw, "runs"))
      return value
    })) satisfies ReadBody<RunListResponse>,
  session: whole(SessionResponse)
}
