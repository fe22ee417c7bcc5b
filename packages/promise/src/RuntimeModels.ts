/**
 * The types of `/runtime`.
 *
 * @since 0.1.0
 */
import type { Budget } from "./Budget.js"
import type { EventsOnceOptions, EventsOptions, ExecuteAsyncOptions, ExecuteOptions } from "./FlowOptions.js"
import type { FlowIdentifier } from "./Noukai.js"
import type { CallSignal, ClientOptions } from "./NoukaiOptions.js"
import type { FlowCursor, PausedState } from "./StoredRun.js"
import type { RecordMode, ReplayOptions } from "./testing.js"
import type { RunCost, RunSummary, StepAttempts, StepTrace, Trace } from "./Trace.js"

export type { CallSignal }

/**
 * An error of a call. It has the fields of the SDK's error with this tag.
 *
 * @since 0.1.0
 * @category errors
 */
export interface RuntimeError extends Error {
  readonly _tag: string
  /** The operation that failed, such as `FlowService.execute`. */
  readonly method?: string
  readonly isRetryable: boolean
  readonly executionId?: string
  /** Where a streamed run was, if it can go on. Not enumerable. */
  readonly cursor?: FlowCursor
  /** The pause that was not answered, if it can be. Not enumerable. */
  readonly state?: PausedState
}

/**
 * The identity of a span.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpanParent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/**
 * A span that is open. Times are nanoseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeSpan extends SpanParent {
  readonly attribute: (key: string, value: unknown) => void
  readonly event: (name: string, time: bigint, attributes?: Record<string, unknown>) => void
  readonly end: (time: bigint, outcome: SpanOutcome) => void
}

/**
 * The end of a span. `error` is what the call rejects with.
 *
 * @since 0.1.0
 * @category models
 */
export type SpanOutcome =
  | { readonly status: "ok" }
  | { readonly status: "interrupted" }
  | { readonly status: "failed"; readonly error: unknown }

/**
 * Opens the spans of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpanTracer {
  /** The span above the call. Default: none. */
  readonly parent?: SpanParent | undefined
  readonly start: (span: {
    readonly name: string
    readonly kind: "internal" | "server" | "client" | "producer" | "consumer"
    readonly startTime: bigint
    readonly parent: SpanParent | undefined
  }) => RuntimeSpan
  /** Runs code of the call, such as a tool, within a span. */
  readonly within: <A>(span: SpanParent, code: () => A) => A
}

/**
 * A capture, a replay or a named session, in which calls run. Opaque.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScopeHandle {
  readonly mode: "capture" | "replay" | "session"
  readonly sessionId: string
}

/**
 * A scope that is open.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenScope {
  readonly scope: ScopeHandle
  /** Rejects with a `ReplayLeftoverError` if the replay did not use some recordings. */
  readonly verify: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * The surroundings of a call. A call also runs in the replay and in the budgets of the asynchronous context that begins it.
 *
 * @since 0.1.0
 * @category options
 */
export interface CallContext {
  /** Ends the call, which rejects with its reason. */
  readonly signal?: CallSignal | undefined
  /** Default: the scope of the asynchronous context. */
  readonly scope?: ScopeHandle | undefined
  readonly budgets?: ReadonlyArray<Budget> | undefined
  /** Opens the spans of the call. Default: it has none. */
  readonly tracer?: SpanTracer | undefined
}

/**
 * Makes the delays of one use of a schedule: milliseconds before the next attempt, or `undefined` for no more.
 *
 * @since 0.1.0
 * @category options
 */
export type Delays<In> = () => (input: In) => number | undefined | PromiseLike<number | undefined>

/**
 * The input of all operations. Each takes the fields that it has in the SDK, and refuses other fields.
 *
 * @since 0.1.0
 * @category options
 */
export interface RuntimeInput
  extends
    Omit<ExecuteOptions, "signal" | "timeout" | "trace">,
    Pick<EventsOnceOptions, "inputOverrides" | "rerunFailed" | "runRemaining" | "settle" | "silence" | "takeOver">,
    Pick<EventsOptions, "from">,
    Pick<ExecuteAsyncOptions, "callback">
{
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly connectTimeout?: number | undefined
  readonly attemptTimeout?: number | undefined
  readonly firstByteTimeout?: number | undefined
  readonly idleTimeout?: number | undefined
  readonly timeout?: number | undefined
  readonly retry?: Delays<RuntimeError> | undefined
  readonly retryPost?: boolean | undefined
  readonly heal?: Delays<RuntimeError> | undefined
  readonly toolConcurrency?: number | undefined
  readonly onToolFailure?: "fail" | "report" | undefined
  readonly snapshots?: boolean | undefined
  /** Of `wait` and `result` of a job. */
  readonly schedule?: Delays<RuntimeJobStatus> | undefined
  /** Of `attach`. */
  readonly grace?: number | undefined
  /** Of `stepTrace`. */
  readonly attempt?: "latest" | "all" | number | undefined
  readonly loopIndex?: number | undefined
  /** Of `list`. */
  readonly flowId?: string | undefined
  readonly limit?: number | undefined
  readonly status?: string | undefined
}

/**
 * A tool call. `arguments` is JSON text.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/**
 * The answer to a tool call, as text or JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeToolResult {
  readonly toolCallId: string
  readonly content: unknown
}

/**
 * A run that succeeded, with its `result`, or that waits for the results of tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeRun {
  readonly status: "completed" | "tool_calls_required"
  readonly result?: unknown
  readonly executionId?: string
  readonly flowId?: string
  readonly blockCount?: number
  readonly sessionId?: string
  readonly requestId?: string
  /** Of a run once per key: whether another call began it. */
  readonly reused?: boolean
  /** The response as received. Not enumerable. */
  readonly raw?: unknown
  readonly toolCalls?: ReadonlyArray<RuntimeToolCall>
  /** Of a run that waits. */
  readonly state?: PausedState
  readonly resume?: (results: ReadonlyArray<RuntimeToolResult>, call?: CallContext) => Promise<RuntimeRun>
}

/**
 * An event of a stream, with the fields of the SDK's `FlowEvent` for its `type`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeEvent {
  readonly type: string
  readonly raw?: unknown
  /** Of an event after which the run can go on. */
  readonly cursor?: FlowCursor
  /** Of `flow_completed`. */
  readonly result?: unknown
  /** Of `tool_calls_required`, which ends its stream: the events that follow the answer. */
  readonly resume?: (results: ReadonlyArray<RuntimeToolResult>, call?: CallContext) => AsyncIterable<RuntimeEvent>
}

/**
 * The status of a job.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeJobStatus {
  readonly status: "pending" | "running" | "completed" | "failed" | "cancelled" | "unknown"
  readonly executionId: string
  readonly result?: unknown
  readonly error?: unknown
  /** Of `unknown`: the status as the server names it. */
  readonly reported?: string
  readonly raw?: unknown
}

/**
 * A job in the queue. `result` rejects with a `FlowExecutionError` if the job failed or was cancelled.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeJob
  extends Required<Pick<RuntimeRun, "executionId">>, Pick<RuntimeRun, "flowId" | "blockCount" | "sessionId" | "reused">
{
  readonly poll: (input?: RuntimeInput, call?: CallContext) => Promise<RuntimeJobStatus>
  readonly wait: (input?: RuntimeInput, call?: CallContext) => Promise<RuntimeJobStatus>
  readonly result: (input?: RuntimeInput, call?: CallContext) => Promise<unknown>
  readonly updates: (call?: CallContext) => AsyncIterable<RuntimeJobStatus>
}

/**
 * An operation of a flow.
 *
 * @since 0.1.0
 * @category models
 */
export type OfFlow<A> = (flow: FlowIdentifier, input: RuntimeInput, call?: CallContext) => A

/**
 * An operation of a flow, once per key.
 *
 * @since 0.1.0
 * @category models
 */
export type OfKey<A> = (key: string, flow: FlowIdentifier, input: RuntimeInput, call?: CallContext) => A

/**
 * An operation of a run.
 *
 * @since 0.1.0
 * @category models
 */
export type OfRun<A> = (flow: FlowIdentifier, executionId: string, input?: RuntimeInput, call?: CallContext) => A

/**
 * The services of one client. Every function rejects with a {@link RuntimeError}, with the error that code of the caller
 * throws, or with the reason of its signal. Leaving a loop closes its connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Runtime {
  readonly execute: OfFlow<Promise<RuntimeRun>>
  readonly executeOnce: OfKey<Promise<RuntimeRun>>
  readonly resume: (
    flow: FlowIdentifier,
    state: PausedState,
    results: ReadonlyArray<RuntimeToolResult>,
    input?: RuntimeInput,
    call?: CallContext
  ) => Promise<RuntimeRun>
  readonly events: OfFlow<AsyncIterable<RuntimeEvent>>
  readonly eventsOnce: OfKey<AsyncIterable<RuntimeEvent>>
  readonly steps: OfFlow<AsyncIterable<RuntimeEvent>>
  readonly submit: OfFlow<Promise<RuntimeJob>>
  readonly submitOnce: OfKey<Promise<RuntimeJob>>
  readonly attach: OfRun<Promise<RuntimeJob>>
  readonly trace: OfRun<Promise<Trace>>
  readonly stepTrace: (stepId: string, ...run: Parameters<OfRun<unknown>>) => Promise<StepTrace | StepAttempts>
  readonly liveTrace: OfRun<AsyncIterable<RuntimeEvent>>
  readonly cost: OfRun<Promise<RunCost>>
  readonly summary: OfRun<Promise<RunSummary>>
  readonly list: (input: RuntimeInput, call?: CallContext) => AsyncIterable<RunSummary>
  /** The recorded session, with its `executions` and their `steps`. */
  readonly session: (sessionId: string, input?: RuntimeInput, call?: CallContext) => Promise<object>
  /** Opens the replay of a session. Rejects with a `ReplayDisabledError` where replays are switched off. */
  readonly openReplay: (sessionId: string, call?: CallContext) => Promise<OpenScope>
  /** Opens a capture, or joins the scope of the call. */
  readonly openCapture: (call?: CallContext) => Promise<OpenScope>
  /** Of a replay or a recording: rejects with a `ReplayLeftoverError` if some recordings were not used. */
  readonly verify: () => Promise<void>
  /** Of a recording: writes the file. */
  readonly save: () => Promise<void>
  /** Ends the calls in flight and closes the connections. */
  readonly close: () => Promise<void>
}

/**
 * The options of a client, as `Noukai.layer` of the SDK has them.
 *
 * @since 0.1.0
 * @category options
 */
export interface RuntimeOptions
  extends Omit<ClientOptions, "env" | "onLog" | "otel" | "otelStepPayloads" | "otelSteps" | "signal" | "tracer">
{
  readonly env?: "production" | "dev" | "development" | undefined
  readonly baseUrl?: string | undefined
  readonly connectTimeout?: number | undefined
  readonly attemptTimeout?: number | undefined
  /** Of a whole call. */
  readonly timeout?: number | undefined
  readonly firstByteTimeout?: number | undefined
  readonly idleTimeout?: number | undefined
  readonly retryPost?: boolean | undefined
  readonly replayEnabled?: boolean | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly log?: ClientOptions["onLog"]
  readonly stepSpans?: boolean | "payloads" | undefined
}

/**
 * The source of the answers to calls. Default: the server.
 *
 * @since 0.1.0
 * @category options
 */
export type RuntimeSource =
  | { readonly type: "live" }
  | { readonly type: "session"; readonly sessionId: string }
  | ({ readonly type: "file"; readonly path: string } & Pick<ReplayOptions, "match" | "redact">)
  | (
    & { readonly type: "record"; readonly path: string; readonly mode?: RecordMode | undefined }
    & Pick<
      ReplayOptions,
      "match" | "redact"
    >
  )
  /** A function that answers each run with its result; `input` is the body of the request. */
  | { readonly type: "test"; readonly answer: (slug: string, input: object) => unknown }

/**
 * The settings of a runtime beside the options of the client.
 *
 * @since 0.1.0
 * @category options
 */
export interface RuntimeSettings {
  readonly source?: RuntimeSource | undefined
  /** The environment variables. Default: those of the process. */
  readonly variables?: { readonly [name: string]: string | undefined } | undefined
  /** Called with each warning. Default: the console. */
  readonly warn?: ((message: string) => void) | undefined
}
