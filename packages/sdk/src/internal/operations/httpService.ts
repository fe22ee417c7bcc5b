import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { ExecuteRequest, ExecuteResponse } from "../../ExecuteCall.js"
import type { WireEvent } from "../../FlowEvent.js"
import type { ForwardRequest, ForwardResponse } from "../../ForwardCall.js"
import type { PollJobRequest, PollJobResponse, SubmitJobRequest, SubmitJobResponse } from "../../JobCall.js"
import type { LogEvent } from "../../LogHook.js"
import type { HttpError, SessionError } from "../../NoukaiError.js"
import type {
  RunListRequest,
  RunListResponse,
  RunRequest,
  StepTraceRequest,
  StepTraceResponse,
  TraceStreamRequest
} from "../../RunCall.js"
import type { SessionRequest, SessionResponse } from "../../SessionCall.js"
import type { StepRequest } from "../../StepCall.js"
import type { FlowRun, Trace } from "../../Trace.js"
import type { Pause } from "../time/pause.js"

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

/** The seam: one method per endpoint (contract 4), taking and returning decoded values. */
export interface HttpService {
  readonly defaults: Defaults
  /** E1: runs a flow, or resumes a paused run. A run that failed is a value here: `status: "failed"`. */
  readonly execute: (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, HttpError>
  /**
   * E1 for a relay: a body and an answer that nobody looks into, sent once. Where it is absent, `execute` is what is
   * asked.
   */
  readonly forward?: ((request: ForwardRequest) => Effect.Effect<ForwardResponse, HttpError>) | undefined
  /** E2: runs one step, or the rest, as it happens. A failed step is an event here. */
  readonly step: (request: StepRequest) => Stream.Stream<WireEvent, HttpError>
  /** E3: puts a run into the queue. */
  readonly submitJob: (request: SubmitJobRequest) => Effect.Effect<SubmitJobResponse, HttpError>
  /** E4: where a job stands. A job that failed is a value here. */
  readonly pollJob: (request: PollJobRequest) => Effect.Effect<PollJobResponse, HttpError>
  /** E5: a run and its steps. */
  readonly trace: (request: RunRequest) => Effect.Effect<Trace, HttpError>
  /** E6: one step; every attempt if `attempt` is `"all"`. */
  readonly stepTrace: (request: StepTraceRequest) => Effect.Effect<StepTraceResponse, HttpError>
  /** E7: the events of a run, past ones first, as they come. */
  readonly traceStream: (request: TraceStreamRequest) => Stream.Stream<WireEvent, HttpError>
  /** E8: a run as a whole. */
  readonly runSummary: (request: RunRequest) => Effect.Effect<FlowRun, HttpError>
  /** E10: the runs of a flow. */
  readonly runList: (request: RunListRequest) => Effect.Effect<RunListResponse, HttpError>
  /** E9: what was recorded under a session id. Ids that are no UUID fail before anything is sent. */
  readonly session: (request: SessionRequest) => Effect.Effect<SessionResponse, SessionError>
}
