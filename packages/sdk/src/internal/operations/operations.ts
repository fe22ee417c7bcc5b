/**
 * The table of what can be asked of Noukai, and what is made of tables. What is asked is answered live, from a replay, by
 * a relay or by a script, and whoever asks cannot tell.
 *
 * @internal
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import type { LogEvent } from "../../LogHook.js"
import type {
  AuthenticationError,
  CallError,
  InvalidRequestError,
  ReplayMissError,
  SessionError
} from "../../NoukaiError.js"
import type { FlowRun, Trace } from "../../Trace.js"
import type { Pause } from "../time/clock.js"
import type { ExecuteRequest, ExecuteResponse, ForwardRequest, ForwardResponse, StepRequest } from "./executeCall.js"
import type { PollJobRequest, PollJobResponse, SubmitJobRequest, SubmitJobResponse } from "./jobCall.js"
import type {
  RunListRequest,
  RunListResponse,
  RunRequest,
  StepTraceRequest,
  StepTraceResponse,
  TraceStreamRequest
} from "./runCall.js"
import type { SessionRequest, SessionResponse } from "./sessionCall.js"

/** What a client adds where a call says nothing. */
export interface Defaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly sessionId?: string | undefined
  /** The total clock of a call; absent or infinite: none. */
  readonly timeout?: Duration.Duration | undefined
  /** The family of paths that runs are read by: `flow-runs` may have ids of its own. Default: `seq`. */
  readonly runPaths?: "seq" | "flow-runs" | undefined
  /** Whether `TraceScope.replay` may replay. Default: false. */
  readonly replayEnabled?: boolean | undefined
  /** Of what replays a session: its id. */
  readonly replayedSessionId?: string | undefined
  /** Sees scopes being entered and left; never throws. */
  readonly log?: ((event: LogEvent) => void) | undefined
  /** For whoever must look for it in what is written; absent: there is none. */
  readonly key?: Redacted.Redacted | undefined
  /** Takes the key out of text. */
  readonly scrub?: ((text: string) => string) | undefined
  /** Sleeps, but not beyond the end of the client. Absent: there is no such end. */
  readonly pause?: Pause | undefined
}

/** An operation that answers once. */
interface Row<Q, A, E = CallError> {
  readonly request: Q
  readonly response: A
  readonly error: E
}

/** The operations that answer once: one row per endpoint, of decoded values. */
export interface Operations {
  /** E1: runs a flow, or resumes a paused run. A run that failed is a value here: `status: "failed"`. */
  readonly execute: Row<ExecuteRequest, ExecuteResponse>
  /** E1 for a relay: a body and an answer that nobody looks into, sent once. */
  readonly forward: Row<ForwardRequest, ForwardResponse>
  /** E3: puts a run into the queue. */
  readonly submitJob: Row<SubmitJobRequest, SubmitJobResponse>
  /** E4: where a job stands. A job that failed is a value here. */
  readonly pollJob: Row<PollJobRequest, PollJobResponse>
  /** E5: a run and its steps. */
  readonly trace: Row<RunRequest, Trace>
  /** E6: one step; every attempt if `attempt` is `"all"`. */
  readonly stepTrace: Row<StepTraceRequest, StepTraceResponse>
  /** E8: a run as a whole. */
  readonly runSummary: Row<RunRequest, FlowRun>
  /** E10: the runs of a flow. */
  readonly runList: Row<RunListRequest, RunListResponse>
  /** E9: the runs of a session. Ids that are no UUID fail before anything is sent. */
  readonly session: Row<SessionRequest, SessionResponse, SessionError>
}

/** The operations that answer with events, by their requests. */
export interface EventStreams {
  /** E2: runs one step, or the rest, as it happens. A failed step is an event here. */
  readonly step: StepRequest
  /** E7: the events of a run, past ones first, as they come. */
  readonly traceStream: TraceStreamRequest
}

/** Why an implementation does not answer an operation. */
export type Refusal = InvalidRequestError | ReplayMissError

/** All that is asked of Noukai: two functions over the table of its operations. */
export interface HttpService {
  readonly defaults: Defaults
  readonly request: <K extends keyof Operations>(
    operation: K,
    input: Operations[K]["request"]
  ) => Effect.Effect<Operations[K]["response"], Operations[K]["error"] | Refusal>
  readonly stream: <K extends keyof EventStreams>(
    operation: K,
    input: EventStreams[K]
  ) => Stream.Stream<WireEvent, CallError>
}

/** A function for each operation that answers once. */
export type Requests = {
  readonly [K in keyof Operations]: (
    input: Operations[K]["request"]
  ) => Effect.Effect<Operations[K]["response"], Operations[K]["error"] | Refusal>
}

/** A function for each operation that answers with events. */
export type Streams = {
  readonly [K in keyof EventStreams]: (input: EventStreams[K]) => Stream.Stream<WireEvent, CallError>
}

/** The service of a whole table. */
export const fromTable = (defaults: Defaults, requests: Requests, streams: Streams): HttpService => ({
  defaults,
  request: (operation, input) => requests[operation](input),
  stream: (operation, input) => streams[operation](input)
})

/** `request` of a table with gaps; `otherwise` says what becomes of the operations that are not in it. */
export const orElse =
  (requests: Partial<Requests>, otherwise: HttpService["request"]): HttpService["request"] => (operation, input) => {
    const request: Requests[typeof operation] | undefined = requests[operation]
    return request === undefined ? otherwise(operation, input) : request(input)
  }

/** `stream` of a table with gaps; `otherwise` says what becomes of the streams that are not in it. */
export const streaming =
  (streams: Partial<Streams>, otherwise: HttpService["stream"]): HttpService["stream"] => (operation, input) => {
    const stream: Streams[typeof operation] | undefined = streams[operation]
    return stream === undefined ? otherwise(operation, input) : stream(input)
  }

/** A call with the session that the client would have added, had it been there when the call began. */
const tagged = <Q extends object>(input: Q, { defaults }: HttpService): Q =>
  "sessionId" in input && input.sessionId === undefined ? { ...input, sessionId: defaults.sessionId } : input

/** A service that is built when something is first asked of it. */
export const lazily = (
  defaults: Defaults,
  build: Effect.Effect<HttpService, Refusal | AuthenticationError>
): HttpService => ({
  defaults,
  request: (operation, input) => Effect.flatMap(build, (http) => http.request(operation, tagged(input, http))),
  stream: (operation, input) => Stream.unwrap(Effect.map(build, (http) => http.stream(operation, tagged(input, http))))
})
