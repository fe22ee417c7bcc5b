/** The table of operations: of each its request, its response, its errors, and the reader of its body. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import type { PausedState } from "../../FlowCursor.js"
import type * as E from "../../NoukaiError.js"
import type { LogEvent } from "../../Telemetry.js"
import { parseCost } from "../core/cost.js"
import { KeptObject, lenient, lenientWith, nullAs, nullAsAbsent, readEither, withRaw } from "../core/json.js"
import { known } from "../core/makeError.js"
import { issueText } from "../core/mismatch.js"
import type { Pause } from "../core/time.js"
import { digitsAt, digitsIn, digitsOf, withDigits } from "../kit/plainJson.js"
import { type FieldOf, type QueuedOption, type RepeatedField, repeatedFields } from "../kit/runOptions.js"
import type { FlowAddress, FlowVersion } from "../options/address.js"
import type { RequestContext, StreamOptions } from "../options/callOptions.js"
import type { WireEvent } from "./wireEvent.js"

interface Raw {
  /** The JSON as the server sent it, unknown keys included. Not enumerable. Absent where no server sent it. */
  readonly raw?: unknown
}

/** The facts of a response beside its fields. */
interface Received extends Raw {
  readonly requestId?: string | undefined
}

/** The fields of a request that runs a flow. */
export interface FlowRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
}

/** The request of `forward`: `POST …/execute` with a body and a response that are passed on unread. */
export interface ForwardRequest extends FlowRequest {
  /** The JSON body, whole. */
  readonly body: { readonly [key: string]: unknown }
}

/** A response of any status. */
export interface ForwardResponse {
  readonly status: number
  /** The body, without the key. */
  readonly text: string
  /** `Retry-After`, as it was received. */
  readonly retryAfter?: string | undefined
  /** `X-Request-ID`, for support. */
  readonly requestId?: string | undefined
}

/** A value whose optional keys may also be `undefined`, as a service that is not a server may give it. */
type Given<A> = { readonly [K in keyof A]: A extends Record<K, A[K]> ? A[K] : A[K] | undefined }

/**
 * The fields that the requests of a run repeat, and that a paused run keeps for them.
 *
 * @see docs/wire.md#tool-results
 */
export interface RunFields extends Given<Pick<PausedState, RepeatedField>> {}

export const runFieldsOf = (state: PausedState): RunFields => Struct.pick(state, ...repeatedFields)

/** The JSON body. Absent and `undefined` keys are not sent. */
export interface StepBody extends RunFields {
  readonly executionId?: string | undefined
  /** The step to run, 0-based, in the whole flow. */
  readonly stepIndex: number
  /** The output of every step before it. */
  readonly accumulatedOutputs: { readonly [stepId: string]: unknown }
  readonly message?: string | undefined
  readonly inputOverrides: { readonly [stepId: string]: unknown }
  readonly runRemaining: boolean
  readonly toolCallMessages?: ReadonlyArray<unknown> | undefined
  readonly iterationsUsed: number
}

/** The request of `step`. */
export interface StepRequest extends FlowRequest {
  readonly options: StreamOptions
  readonly body: StepBody
  /**
   * The body of the `execute` that runs this flow step by step. Such a request has the timeouts and retries of
   * `execute`, and a replay may hold its run as one of `execute`. Absent: the events are for the caller.
   */
  readonly asExecute?: ExecuteBody | undefined
}

/** The JSON body. Absent and `undefined` keys are not sent. */
export interface ExecuteBody extends RunFields {
  readonly message?: string | undefined
  readonly messages?: ReadonlyArray<unknown> | undefined
  readonly executionId?: string | undefined
  readonly pausedAtStep?: string | undefined
  readonly iterationsUsed?: number | undefined
  readonly toolCallMessages?: ReadonlyArray<unknown> | undefined
  readonly accumulatedOutputs?: { readonly [stepId: string]: unknown } | undefined
}

/** The request of `execute`. */
export interface ExecuteRequest extends FlowRequest {
  readonly body: ExecuteBody
}

/** A run that ended. Keys that nothing depends on are absent where the server leaves them out or sends another type. */
export const ExecuteEnded = Schema.Struct({
  status: Schema.Literal("completed", "failed"),
  result: Schema.optional(Schema.Unknown),
  flowId: lenient(Schema.String),
  blockCount: lenient(Schema.Number),
  executionId: lenient(Schema.String),
  /** The step that failed. Only a replayed session knows it. */
  stepId: lenient(Schema.String)
})

/**
 * A run that waits for tool results. `toolCallMessages` is opaque and goes back verbatim; where `toolCalls` cannot be
 * read, its last assistant message names the calls.
 */
export const ExecutePaused = Schema.Struct({
  status: Schema.Literal("tool_calls_required"),
  /** The id of the run; absent: the id of the request. */
  executionId: lenient(Schema.String),
  pausedAtStep: Schema.String,
  iterationsUsed: lenientWith(Schema.Number, 0),
  toolCallMessages: Schema.Array(Schema.Unknown),
  toolCalls: lenient(Schema.Array(Schema.Unknown)),
  accumulatedOutputs: lenient(KeptObject),
  flowId: lenient(Schema.String),
  blockCount: lenient(Schema.Number)
})

/** */
export interface ExecuteEnded extends Given<Schema.Schema.Type<typeof ExecuteEnded>>, Received {}

/** */
export interface ExecutePaused extends Given<Schema.Schema.Type<typeof ExecutePaused>>, Received {}

/** The response of `/execute` with status 200. */
export const ExecuteResponse = Schema.Union(ExecuteEnded, ExecutePaused)

/** */
export type ExecuteResponse = ExecuteEnded | ExecutePaused

/** The JSON body of a submission. Absent and `undefined` keys are not sent. */
export interface SubmitJobBody extends Pick<ExecuteBody, FieldOf<QueuedOption>> {}

/** The webhook that a submission asks for. */
export interface CallbackRequest {
  readonly url: string
  /** The key of the job, once its submission was sent. A replay, and a job that was found, send none. */
  job: string | undefined
}

/** The request of `submitJob`. */
export interface SubmitJobRequest extends FlowRequest {
  readonly body: SubmitJobBody
  /** The webhook of the job. It is beside the body, so that no recording has it. Absent: none is asked for. */
  readonly callback?: CallbackRequest | undefined
}

/**
 * The response of a submission with a 2xx. Only `executionId` is required, since without it the job could not be found
 * again.
 */
export const SubmitJobResponse = Schema.Struct({
  executionId: Schema.NonEmptyString,
  /** Free text, such as `started`, that nothing depends on. */
  status: lenient(Schema.String),
  flowId: lenient(Schema.String),
  blockCount: lenient(Schema.Number)
})

/** */
export interface SubmitJobResponse extends Schema.Schema.Type<typeof SubmitJobResponse>, Raw {}

/** The request of `pollJob`. */
export interface PollJobRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly executionId: string
}

/** The response of a poll with a 2xx. */
export const PollJobResponse = Schema.Struct({
  executionId: lenient(Schema.String),
  /** `pending`, `running`, `completed`, `failed`, `cancelled`, or something newer. */
  status: Schema.String,
  /** The result of a completed job, which may be `null`. */
  result: Schema.optional(Schema.Unknown),
  /** The error of a failed job: text, or an object. */
  error: nullAsAbsent(Schema.Unknown)
})

/** */
export interface PollJobResponse extends Schema.Schema.Type<typeof PollJobResponse>, Received {}

const count = lenientWith(Schema.Number, 0)

const flowRunSchema = Schema.Struct({
  id: Schema.String,
  flowId: lenient(Schema.String),
  /** `running`, `completed`, `failed`, `cancelled`, or something newer. */
  status: Schema.String,
  triggerType: lenient(Schema.String),
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** From start to end, in milliseconds. */
  durationMs: lenient(Schema.Number),
  stepCount: lenient(Schema.Number)
})

/** */
export interface FlowRun extends Schema.Schema.Type<typeof flowRunSchema>, Raw {}

/**
 * A run as a whole. Keys that the server leaves out, sends as `null` or in another type are absent. Timestamps are
 * ISO-8601 text.
 */
export const FlowRun: Schema.Schema<FlowRun, Schema.Schema.Encoded<typeof flowRunSchema>> = flowRunSchema

const tokensSchema = Schema.Struct({ prompt: count, completion: count, total: count })

/** */
export interface Tokens extends Schema.Schema.Type<typeof tokensSchema> {}

/** The tokens of a step. A number that is missing is 0. */
export const Tokens: Schema.Schema<Tokens, Schema.Schema.Encoded<typeof tokensSchema>> = tokensSchema

/** A sum of money as decimal text: `"0.00031"`. Not negative. */
export const Cost: Schema.Schema<string> = Schema.String.pipe(
  Schema.filter((text) => parseCost(text) !== undefined, {
    message: () => "must be a decimal number of at least 0 as text"
  })
)

const stepTraceSchema = Schema.Struct({
  stepId: Schema.String,
  /** The number of the attempt, from 1. */
  attempt: lenientWith(Schema.Number, 1),
  /** The iteration of the loop, from 0. */
  loopIndex: lenient(Schema.Number),
  /** `running`, `completed`, `failed`, `skipped`, or something newer. */
  status: Schema.String,
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** Milliseconds, as the server counts them: with the waits for tool results, or without. */
  durationMs: lenient(Schema.Number),
  /** Milliseconds for which the step waited for tool results. Absent where the server does not say. */
  waitingMs: lenient(Schema.Number),
  modelUsed: lenient(Schema.String),
  tokens: lenient(Tokens),
  /** US dollars, as decimal text. */
  costUsd: lenient(Cost),
  inputContext: nullAsAbsent(Schema.Unknown),
  outputContext: nullAsAbsent(Schema.Unknown),
  errorContext: nullAsAbsent(Schema.Unknown),
  /** Bytes. */
  inputSizeBytes: lenient(Schema.Number),
  /** Bytes. */
  outputSizeBytes: lenient(Schema.Number),
  /** Whether a stored payload was cut. */
  truncated: lenientWith(Schema.Boolean, false)
})

/** */
export interface StepTrace extends Schema.Schema.Type<typeof stepTraceSchema>, Raw {}

/**
 * One attempt at one step, in one iteration if the step is in a loop. Keys that the server leaves out, sends as `null`
 * or in another type are absent; contexts are absent unless payloads were captured.
 */
export const StepTrace: Schema.Schema<StepTrace, Schema.Schema.Encoded<typeof stepTraceSchema>> = stepTraceSchema

const stepAttemptsSchema = Schema.Struct({ stepId: Schema.String, attempts: Schema.Array(StepTrace) })

/** */
export interface StepAttempts extends Schema.Schema.Type<typeof stepAttemptsSchema>, Raw {}

/** Every attempt at one step. */
export const StepAttempts: Schema.Schema<StepAttempts, Schema.Schema.Encoded<typeof stepAttemptsSchema>> =
  stepAttemptsSchema

const traceSchema = Schema.Struct({ flowRun: FlowRun, steps: nullAs(Schema.Array(StepTrace), () => []) })

/** */
export interface Trace extends Schema.Schema.Type<typeof traceSchema>, Raw {}

/** A run and its steps, every attempt and iteration one entry. */
export const Trace: Schema.Schema<Trace, Schema.Schema.Encoded<typeof traceSchema>> = traceSchema

/** The request of one run of one flow. */
export interface RunRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly executionId: string
}

/** The request of the events of a run, past and future. */
export interface TraceStreamRequest extends RunRequest {
  readonly options: StreamOptions
}

/** The request of `stepTrace`. */
export interface StepTraceRequest extends RunRequest {
  readonly stepId: string
  /** The attempt; absent: the latest. */
  readonly attempt: "all" | number | undefined
  readonly loopIndex: number | undefined
}

/** One attempt, or all of them if `attempt` was `"all"`. */
export type StepTraceResponse = StepTrace | StepAttempts

/** The request of `runList`. */
export interface RunListRequest extends RequestContext {
  readonly flowId: string
  readonly limit: number | undefined
  readonly status: "running" | "completed" | "failed" | "cancelled" | undefined
  /** The place from which the list goes on; absent: from the newest run. */
  readonly cursor?: string | undefined
}

/** The runs of a flow, newest first. */
export const RunListResponse = Schema.Struct({
  runs: Schema.Array(FlowRun),
  /** The cursor of the next page, of servers that say it. */
  nextCursor: lenient(Schema.NonEmptyString)
})

/** */
export interface RunListResponse extends Schema.Schema.Type<typeof RunListResponse>, Raw {}

/** The request of `session`. */
export interface SessionRequest extends RequestContext {
  /** A UUID. */
  readonly sessionId: string
  /** Whether the caller looks for a run that may not exist, so that an absent session is not an error of the span. */
  readonly mayBeAbsent?: true
}

/**
 * One attempt at one step. Keys that the server leaves out or sends as `null` are absent, but for snapshots, where
 * `null` is a value.
 */
export const SessionStep = Schema.Struct({
  stepId: Schema.String,
  /** From 1. */
  attempt: lenientWith(Schema.Number, 1),
  /** From 0, of a step in a loop. */
  loopIndex: nullAsAbsent(Schema.Number),
  /** `running`, `completed`, `failed`, `skipped`, or something newer. */
  status: nullAs(Schema.String, () => "completed"),
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** Milliseconds. */
  durationMs: lenient(Schema.Number),
  inputSnapshot: Schema.optional(Schema.Unknown),
  /** May hold `__rendered_prompt__`, which is not part of the output. */
  outputSnapshot: Schema.optional(Schema.Unknown),
  errorSnapshot: Schema.optional(Schema.Unknown),
  /** The text of numbers in the snapshots that a JavaScript number cannot hold, by snapshot. Opaque. */
  digits: Schema.optional(Schema.Unknown),
  /** Whether a snapshot was cut when it was stored. */
  truncated: lenientWith(Schema.Boolean, false)
})

/** */
export interface SessionStep extends Schema.Schema.Type<typeof SessionStep> {}

/** One run of the session. */
export const SessionExecution = Schema.Struct({
  executionId: Schema.String,
  flowId: lenient(Schema.String),
  /** The bare slug of the flow; absent when the flow was deleted. */
  slug: nullAsAbsent(Schema.String),
  /** `execute`, `step`, `job`, or something newer. */
  triggerType: nullAsAbsent(Schema.String),
  /** `pending`, `running`, `completed`, `failed`, `cancelled`, or something newer. */
  status: Schema.String,
  startedAt: lenient(Schema.String),
  completedAt: lenient(Schema.String),
  /** `full`, `redacted`, `metadata_only`, `off`; absent when no step was recorded. */
  traceCaptureMode: lenient(Schema.String),
  /** Whether payloads were kept. False when the server does not say. */
  snapshotsAvailable: lenientWith(Schema.Boolean, false),
  errorAtStep: nullAsAbsent(Schema.String),
  /** In the order in which they began. */
  steps: nullAs(Schema.Array(SessionStep), () => [])
})

/** */
export interface SessionExecution extends Schema.Schema.Type<typeof SessionExecution> {}

/** A recorded session. */
export const SessionResponse = Schema.Struct({
  sessionId: Schema.String,
  /** In the order in which they were recorded. */
  executions: nullAs(Schema.Array(SessionExecution), () => [])
})

/** */
export interface SessionResponse extends Schema.Schema.Type<typeof SessionResponse>, Raw {}

/**
 * The fields of a request that runs once per key, beside those of the run. Its session is made of the key; `sessionId`
 * is the session of a replay, which answers as it answers the run itself.
 */
export interface OnceRequest extends RequestContext {
  /** The name of the run, among all runs of this flow and version. */
  readonly key: string
  /** Whether a run that failed or was cancelled is followed by another one. */
  readonly rerunFailed: boolean
  /** Whether a run that has not ended is followed, to its end or to a pause that this call answers. Default: false. */
  readonly takeOver?: boolean
  /** Milliseconds without an event after which a run whose steps are requested one by one counts as left. */
  readonly silence?: number | undefined
  /** Milliseconds after which an absence is looked at again; 0: never. */
  readonly settle: number
}

/** A run whose steps are requested one by one, by requests of its own. */
export interface Walk<out A> {
  /** The body of its first request. */
  readonly body: StepBody
  /** Begins the run in a session. */
  readonly begin: (sessionId: string | undefined) => Effect.Effect<A, E.CallError>
}

/** The request of `executeOnce`. */
export interface ExecuteOnceRequest extends OnceRequest, ExecuteRequest {
  /** The run of a call with a limit of cost, up to its end or its next pause. Absent: it is one request. */
  readonly walk?: Walk<ExecuteResponse> | undefined
}

/** The request of `eventsOnce`. */
export interface EventsOnceRequest extends OnceRequest, FlowRequest {
  /** The run, up to its first event. */
  readonly walk: Walk<BegunRun>
}

/** A run that goes on, or has ended. */
export interface BegunRun {
  readonly executionId?: string | undefined
  /** Whether its steps are requested one by one, so that another process can go on with it. */
  readonly isStepped?: boolean
}

/** The request of `submitOnce`. */
export interface SubmitOnceRequest extends OnceRequest, SubmitJobRequest {}

/** The run under a key, begun or found. */
export interface OnceResponse<out A> {
  /** The answer to the run, or what is known of one that was found. */
  readonly response: A
  /** Whether another call began the run, in this process or another. */
  readonly reused: boolean
  /** The session of the run. */
  readonly sessionId: string | undefined
}

/** An operation with one response. */
interface Row<Q, A, E = E.CallError> {
  readonly request: Q
  readonly response: A
  readonly error: E
}

/**
 * The operations with one response: one row per endpoint, of decoded values, and those of several requests that a replay
 * answers as one.
 */
export interface Operations {
  /** Runs a flow, or resumes a paused run. A run that failed is a value here: `status: "failed"`. */
  readonly execute: Row<ExecuteRequest, ExecuteResponse>
  /** Runs a flow for a relay: body and response are not read, and the request is sent once. */
  readonly forward: Row<ForwardRequest, ForwardResponse>
  /** Submits a run to the queue. */
  readonly submitJob: Row<SubmitJobRequest, SubmitJobResponse>
  /** Reads the status of a job. A job that failed is a value here. */
  readonly pollJob: Row<PollJobRequest, PollJobResponse>
  /** Reads a run and its steps. */
  readonly trace: Row<RunRequest, Trace>
  /** Reads one step; every attempt if `attempt` is `"all"`. */
  readonly stepTrace: Row<StepTraceRequest, StepTraceResponse>
  /** Reads a run as a whole. */
  readonly runSummary: Row<RunRequest, FlowRun>
  /** Reads the runs of a flow. */
  readonly runList: Row<RunListRequest, RunListResponse>
  /** Runs a flow unless a run of the key is found, whose outcome is given then. */
  readonly executeOnce: Row<ExecuteOnceRequest, OnceResponse<ExecuteResponse>, E.CallError | E.OnceError>
  /** Begins a run that is streamed unless a run of the key is found, which is given then. */
  readonly eventsOnce: Row<EventsOnceRequest, OnceResponse<BegunRun>, E.CallError | E.OnceError>
  /** Submits a run to the queue unless a run of the key is found, which is given then. */
  readonly submitOnce: Row<SubmitOnceRequest, OnceResponse<SubmitJobResponse>, E.CallError | E.OnceError>
  /** Reads the runs of a session. An id that is not a UUID fails before anything is sent. */
  readonly session: Row<SessionRequest, SessionResponse, E.SessionError>
}

/** The operations with a stream of events, by their requests. */
export interface EventStreams {
  /** Runs one step, or the rest of the steps. A failed step is an event here. */
  readonly step: StepRequest
  /** Reads the events of a run, past and future. */
  readonly traceStream: TraceStreamRequest
}

/** The settings of a client for calls without their own. */
export interface CallDefaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly sessionId?: string | undefined
  /** The limit of a whole call. Absent or infinite: none. */
  readonly timeout?: Duration.Duration | undefined
  /** The paths of runs: `flow-runs` may have ids of its own. Default: `auto`. */
  readonly runPaths?: "auto" | "seq" | "flow-runs" | undefined
  /** Whether `TraceScope.replay` may replay. Default: false. */
  readonly replayEnabled?: boolean | undefined
  /** The server of the API, for spans. Absent where no request is sent to it. */
  readonly server?: { readonly address: string; readonly port: number } | undefined
  /** Whether calls that ended are given the spans of their steps. Default: false. */
  readonly stepSpans?: boolean | "payloads" | undefined
  /** The id of the replayed session, in a replay of one. */
  readonly replayedSessionId?: string | undefined
  /** A hook that sees scopes being entered and left; it never throws. */
  readonly log?: ((event: LogEvent) => void) | undefined
  /** Removes the key from text. */
  readonly scrub?: ((text: string) => string) | undefined
  /** Is called with the id of a run whose caller is interrupted before the run has ended. It never throws. */
  readonly interrupted?: ((executionId: string) => void) | undefined
  /** Sleeps until the time is over or the client is closed. Absent: the client is never closed. */
  readonly pause?: Pause | undefined
}

/** The error of an operation that an implementation does not answer. */
export type Refusal = E.InvalidRequestError | E.ReplayMissError

/** The HTTP API of Noukai: two functions over the table of operations. */
export interface HttpService {
  readonly defaults: CallDefaults
  readonly request: <K extends keyof Operations>(
    operation: K,
    input: Operations[K]["request"]
  ) => Effect.Effect<Operations[K]["response"], Operations[K]["error"] | Refusal>
  readonly stream: <K extends keyof EventStreams>(
    operation: K,
    input: EventStreams[K]
  ) => Stream.Stream<WireEvent, E.CallError>
}

/** A function for each operation with one response. */
export type Requests = {
  readonly [K in keyof Operations]: (
    input: Operations[K]["request"]
  ) => Effect.Effect<Operations[K]["response"], Operations[K]["error"] | Refusal>
}

/** A function for each operation with a stream of events. */
export type Streams = {
  readonly [K in keyof EventStreams]: (input: EventStreams[K]) => Stream.Stream<WireEvent, E.CallError>
}

/** The facts of a response beside its body. */
export interface ResponseFacts {
  /** The body, if a server sent it; absent for a recording without it. */
  readonly raw: unknown
  readonly requestId?: string | undefined
}

/** Reads a body. A string is the reason why it does not fit. */
export type ReadBody<A> = (json: unknown, received: ResponseFacts) => Either.Either<A, string>

const whole = <A extends object, I>(schema: Schema.Schema<A, I>): ReadBody<A> => {
  const decode = readEither(schema)
  return (json, { raw }) =>
    Either.mapBoth(decode(json), {
      onLeft: issueText,
      onRight: (value) => withDigits(withRaw(value, raw), digitsOf(json))
    })
}

/** Reads a body whose response has the id of its request. */
const answered = <A extends object, I>(schema: Schema.Schema<A, I>): ReadBody<A> => {
  const decode = whole(schema)
  return (json, received) =>
    Either.map(decode(json, received), (value) => Object.assign(value, { requestId: received.requestId }))
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

export const readAttempts = listing(StepAttempts, "attempts")

export const readAttempt = whole(StepTrace)

const stepTrace: ReadBody<StepTraceResponse> = (json, received) => {
  const isAll = Array.isArray(fieldOf(json, "attempts")) && typeof fieldOf(json, "status") !== "string"
  return (isAll ? readAttempts : readAttempt)(json, received)
}

/** The snapshots of a step of a session. */
export const snapshots = ["inputSnapshot", "outputSnapshot", "errorSnapshot"] as const

/** Adds to the steps of a session the digits of their snapshots, which are stored with them. */
const withDigitsOfSteps = (session: SessionResponse, json: unknown): SessionResponse => ({
  ...session,
  executions: session.executions.map((execution, place) => {
    const digits = digitsAt(digitsAt(digitsAt(digitsOf(json), "executions"), place), "steps")
    return digits === undefined ? execution : {
      ...execution,
      steps: execution.steps.map((step, place) => ({
        ...step,
        ...known({ digits: digitsIn(snapshots.map((name) => [name, digitsAt(digitsAt(digits, place), name)])) })
      }))
    }
  })
})

const decodeSession = whole(SessionResponse)

const session: ReadBody<SessionResponse> = (json, received) =>
  Either.map(
    decodeSession(json, received),
    (value) => digitsOf(json) === undefined ? value : withRaw(withDigitsOfSteps(value, json), received.raw)
  )

/** The operations of one request whose response is read. */
export type AnsweredOperation = Exclude<
  keyof Operations,
  "forward" | "eventsOnce" | "executeOnce" | "submitOnce"
>

/** The readers of the responses, off the wire and out of a recording. */
export const readBody: { readonly [K in AnsweredOperation]: ReadBody<Operations[K]["response"]> } = {
  execute,
  submitJob: whole(SubmitJobResponse),
  pollJob: answered(PollJobResponse),
  trace,
  stepTrace,
  runSummary: whole(FlowRun),
  runList: listing(RunListResponse, "runs"),
  session
}

/** The operations of one request whose response is read. */
export const answeredOperations = Object.keys(readBody) as ReadonlyArray<AnsweredOperation>
