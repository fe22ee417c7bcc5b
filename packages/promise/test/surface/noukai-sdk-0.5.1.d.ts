/// <reference lib="esnext.disposable" />
/**
 * The public surface of `@noukai/sdk` 0.5.1 (2026-09-17), for whoever must be call-compatible with it: facts, in words of
 * ours. "Ours" is `@effect-noukai/promise` (root) and `@effect-noukai/adapters` (subpaths). `// ours:` says yes, no,
 * partly, or differs; what differed from 0.3.0 already is in the table of our promise README and only named here.
 * Declarations without `export` cannot be imported from it; ours exports them, save where it says no.
 * Ambient modules: keep this file out of a project that needs the types of the installed 0.3.0, which it hides.
 *
 * Entry points: root, `/adapters/express`, `/adapters/nextjs`, `/adapters/relay` (new in 0.4.0). ESM, Node >= 18. Optional
 * peers: `@opentelemetry/api` ^1 (new in 0.5.0), `express` ^4 || ^5, `next` ^14 || ^15.
 *
 * UNITS. `timeout` and `pollInterval` are MILLISECONDS; `timeout` of `createRelayFlow`, `RelayFlow` and
 * `RelayExecuteTransport` is SECONDS. `retryAfter` is seconds. Sizes are bytes.
 *
 * SINCE 0.3.0
 * - 0.4.0: `messages`, `ChatMessage`, `createRelayFlow`, `RelayFlow`, `RelayExecuteTransport`, `ExecuteTransport`, the relay
 *   handlers. Tool fields in messages are camelCase, a result is `{ role: "tool", toolCallId, content }`. `maxToolRounds`
 *   of 0 or less counts as given. Errors whose body has no `detail.code` and `detail.message` take as `message` the body's
 *   `message`, else its `error`, else its JSON, else "HTTP <status>".
 * - 0.4.1: the root can be imported where there is no `AsyncLocalStorage`; no scope is ever active there.
 * - 0.5.0: `traceScope`, `TraceScopeOptions` are renamed `replayScope`, `ReplayScopeOptions`, WITHOUT an alias (a test holds
 *   that the old name is gone). `noukaiTraceMiddleware`, `withNoukaiTrace` keep theirs. Adds the four options for spans.
 * - 0.5.1: `version` is routed by path, see `VersionSpec`. The default was named "draft" and had the path of today's
 *   "production"; "production" threw; "draft" could not be reached. `ExecuteRequest.version` is removed.
 * - 0.5.2, later the same day: relays forward `traceparent` and `tracestate` (ours: do); `/adapters/relay` adds
 *   `TRACE_CONTEXT_HEADERS`, `extractTraceHeaders` and a third parameter of `forwardToFlow` (ours: no).
 *
 * SPANS, since 0.5.0. Off, `@opentelemetry/api` is never imported.
 * - `otel`: one span of kind CLIENT per `execute`, `executeAsync`: `noukai.flow.execute`, `noukai.flow.execute_async`. The
 *   rounds of a handler are inside it. None for `steps`, `events`, a `resume` by hand, polls, traces, relay flows.
 * - At its start `noukai.org`, `noukai.project`, `noukai.flow.slug`, `noukai.flow.version` (the option as text); at its end,
 *   if known, `noukai.execution_id`, `noukai.flow.status` (`completed`, `failed`, `tool_calls_required`; never on
 *   execute_async). A result that is `failed` is no error of the span.
 * - A rejection is one exception event and status ERROR, with the error as text. Wrong `message`, `messages` open no span.
 * - `otelSteps`: after an `execute` that completed or failed, one GET of its trace inside the span, with the client's
 *   timeout and retries; its failure is ignored. Per step and attempt a child `noukai.flow.step` of kind INTERNAL from
 *   `startedAt` to `completedAt`, ERROR if failed: `noukai.step.id`, `.attempt`, `.status`; if known `.duration_ms`,
 *   `.loop_index`, `.cost_usd` (text), `gen_ai.request.model`, `gen_ai.usage.input_tokens`, `gen_ai.usage.output_tokens`.
 * - `otelStepPayloads`: also `noukai.step.input`, `.output`, `.error`: JSON, cut at 4096 characters with a note.
 * - Tracer: `tracer`, else the global provider's for "@noukai/sdk" and the version. Even with `tracer`, a missing
 *   `@opentelemetry/api` rejects the first traced call with a `NoukaiError`, before it is sent. No `traceparent` is sent.
 * ours: no such options. `@effect-noukai/sdk/Telemetry` has the same names and keys, for a tracer of Effect alone
 * (`fromRuntime`); it sends `traceparent`, and streams, jobs, rounds and tools have spans too.
 *
 * READ AT: CHANGELOG, package.json, src/flow, src/types/requests, tests/otel.test @20b49770; src/adapters/*, src/tool-calls,
 * src/step-iterator, src/paths, README, tests/version-guard.test @385bb6cb; src/client, src/otel @8fbe65ae; src/transport
 * @4ea107c7; src/index, src/replay/scope @f612875e; src/relay-flow, docs/AGENT_RELAY @a57e3b2b; src/types/responses,
 * src/replay/fetcher, tests/replay-scope-rename.test @65da341b; src/types/events, src/constants, src/replay/* @885e9a82;
 * src/errors, src/job, src/run, src/types/trace @b966f756; 0.5.2: src/adapters/* @44ff2ceb. Not stored: src/version.
 */
declare module "@noukai/sdk" {
  export const VERSION: string // ours: yes, the version of our package

  // ---- client
  export interface NoukaiOptions { // ours: partly, without the last four: ignored at run time, refused by the types
    /** `nk_…`. Default: `NOUKAI_API_KEY`. An empty one is refused. */
    apiKey?: string
    /**
     * Default: `NOUKAI_ENV`, else "production". "dev" (in the variable "development" too) is port 8080 of localhost; any
     * other value is production, `api.noukai.dev`. There is no other base URL.
     */
    env?: "dev" | "production" // ours: differs: production is `api.noukai.xyz`; other values throw
    org?: string
    project?: string // both or neither
    /** For each attempt until its headers; of a stream for the whole. Default: 300,000. */
    timeout?: number // ours: differs: the body too; of a stream each silence
    /**
     * Default: 1. Repeats EVERY request, `execute` too, after 429, 500, 502, 503, 504, waiting 1, 4, 16 s; `Retry-After` is
     * not heeded. Not repeated: streams, broken connections, what a relay forwards.
     */
    maxRetries?: number // ours: differs: only what cannot start a second run
    onLog?: (event: LogEvent) => void // what it throws is ignored
    logPayloads?: boolean // default: false
    sessionId?: string // that of a call wins over it, it wins over the scope's; ours: differs: the scope wins over it
    signal?: AbortSignal // ends every request
    otel?: boolean // default: false; ours: no
    tracer?: unknown // a `Tracer` of `@opentelemetry/api`; alone it turns nothing on; ours: no
    otelSteps?: boolean // implies `otel`; default: false; ours: no
    otelStepPayloads?: boolean // implies `otelSteps`; default: false; ours: no
  }
  interface LogEvent { // ours: yes; differs: also phase "error" and four fields; `attempt` of "retry" is the next one
    phase: "request" | "response" | "retry" | "scope_open" | "scope_close"
    method?: string
    path?: string
    attempt?: number
    statusCode?: number
    requestId?: string
    requestBody?: unknown
    responseBody?: unknown
    mode?: "normal" | "capture" | "replay"
    sessionId?: string | null
  }
  type FlowIdentifier = string | { org: string; project: string; slug: string } // ours: yes
  /** Marked internal, reachable as `noukai._transport` and `flow._transport`. */
  interface Transport { // ours: differs: opaque, none of these members; for `replayScope` alone
    readonly apiKey: string
    readonly baseUrl: string
    readonly defaultSessionId: string | undefined
    request<T = unknown>(method: string, path: string, options?: RequestOptions): Promise<TransportResponse<T>>
    stream(method: string, path: string, options?: RequestOptions): AsyncIterable<Uint8Array>
    close(): Promise<void>
  }
  interface RequestOptions { // ours: no
    json?: unknown
    params?: Record<string, string>
    timeout?: number
    signal?: AbortSignal
    extraHeaders?: Record<string, string> // those that the client sets itself are dropped
    raiseForStatus?: boolean // since 0.4.0; false resolves whatever the status; default: true
    idempotent?: boolean // since 0.4.0; false never repeats; default: repeats
  }
  interface TransportResponse<T> { // ours: no
    statusCode: number
    body: T | null
    requestId: string | null
    headers: Headers
  }
  export class Noukai { // ours: yes, and `job`, `waitAll`
    /** Throws an `AuthenticationError` for a key that is missing or not `nk_…`, an `Error` for one of `org`, `project`. */
    constructor(options?: NoukaiOptions)
    readonly defaultOrg: string | undefined
    readonly defaultProject: string | undefined
    readonly defaultSessionId: string | undefined
    get _transport(): Transport
    flow(identifier: FlowIdentifier): Flow // throws an `Error`; ours: an `InvalidRequestError`
    close(): Promise<void> // does nothing; ours: differs: ends calls, later ones reject
    [Symbol.asyncDispose](): Promise<void>
  }

  // ---- flows
  /**
   * "production", the default everywhere, is the path without a version: the published version, or the draft while there is
   * none. "draft" and 0 are `/v0`, N is `/vN`; for execute, jobs and steps. Polls and traces have none in their path.
   * Negative, fractional, NaN, other text: `execute`, `executeAsync` reject with, `steps`, `events` throw AT ONCE, an
   * `Error`, and nothing is sent. `steps` and `events` refuse the draft in the same way.
   */
  type VersionSpec = "draft" | "production" | number // ours: yes; differs: `InvalidRequestError`, in streams not at once
  /** Results go out as they are: `{ role: "tool", toolCallId, content }`. */
  type ToolHandler = ( // ours: yes, and `{ signal }`; differs: results are rebuilt from id and content, and checked
    toolCalls: Record<string, unknown>[]
  ) => Record<string, unknown>[] | Promise<Record<string, unknown>[]>
  interface ExecuteOptions { // ours: yes, and `maxCostUsd`
    message?: string
    /**
     * Since 0.4.0. Excludes `message`, even if empty (ours: then not); an empty list is not sent. Each `role` is "user",
     * "assistant" or "tool". Else an `Error` (ours: `InvalidRequestError`). Over 900,000 bytes: a `console.warn`, once.
     */
    messages?: ChatMessage[]
    parameters?: Record<string, unknown>
    blockOverrides?: Record<string, Record<string, unknown>>
    attachments?: Record<string, unknown>[]
    tools?: Record<string, unknown>[]
    toolChoice?: unknown
    toolHandler?: ToolHandler // without one a run that asks for tools resolves with a `PausedResult`
    maxToolRounds?: number // default: 10; 0 or less throws at the first pause; `execute` takes Infinity, NaN for 10
    trace?: boolean // default: false
    version?: VersionSpec
    timeout?: number // tool rounds have it too
    signal?: AbortSignal // tool rounds do not have it; ours: differs: they do
    sessionId?: string // lost after a tool round; ours: differs: kept
  }
  /** Anything more is dropped in silence. */
  type ExecuteAsyncOptions = Pick<
    // ours: yes; differs: anything more is refused
    ExecuteOptions,
    "message" | "parameters" | "blockOverrides" | "trace" | "version" | "timeout" | "signal" | "sessionId"
  >
  /** `messages` is in the type, and neither checked nor sent. */
  interface StepsOptions extends Omit<ExecuteOptions, "attachments"> { // ours: differs: no `messages`, but `attachments`
    inputOverrides?: Record<string, unknown>
  }
  interface EventsOptions extends StepsOptions {
    runRemaining?: boolean
  } // default: false; ours: yes
  interface FlowPlace {
    transport: Transport
    org: string
    project: string
    slug: string
  } // no name there; ours: no
  export class Flow { // ours: yes, and `executeOnce`, `executeAsyncOnce`; differs: is not made by hand
    constructor(options: FlowPlace)
    readonly org: string
    readonly project: string
    readonly slug: string
    get _transport(): Transport
    execute(options?: ExecuteOptions): Promise<ExecuteResult | PausedResult>
    executeAsync(options?: ExecuteAsyncOptions): Promise<Job> // a `ReplayError` in a replay
    steps(options?: StepsOptions): AsyncIterable<StepCompleted> // gives `step_error` and pauses too; ours: differs: rejects
    events(options?: EventsOptions): AsyncIterable<StreamEvent>
    run(executionId: string): Run
  }
  interface ReadOptions {
    timeout?: number
    signal?: AbortSignal
  } // no name there; ours: `TraceOptions`, `PollOptions`
  export class Run { // ours: yes; differs: is not made by hand; `liveTrace` takes `{ timeout, signal }`
    constructor(options: FlowPlace & { executionId: string })
    readonly executionId: string
    trace(options?: ReadOptions): Promise<Trace>
    stepTrace(
      stepId: string,
      options?: ReadOptions & { attempt?: "latest" | "all" | number; loopIndex?: number }
    ): Promise<StepTrace | StepAttempts>
    liveTrace(): AsyncIterable<StreamEvent>
  }
  export class Job { // ours: yes, and `sessionId`; differs: is attached by `noukai.job(flow, executionId)`
    constructor(options: FlowPlace & { executionId: string; flowId: string; submittedAt?: number })
    readonly executionId: string
    readonly flowId: string
    /** A 404 within 5 s of `submittedAt` (ms since 1970, default now) is pending. `timeout`: the client's (ours: 30 s). */
    poll(options?: ReadOptions): Promise<JobStatus>
    /** Defaults: 300,000, then an `APITimeoutError`; 2,000. Ends at `completed` and `failed` (ours: `cancelled` too). */
    wait(options?: ReadOptions & { pollInterval?: number }): Promise<JobStatus>
  }

  // ---- without a key, through a relay; since 0.4.0
  export interface CreateRelayFlowOptions { // ours: differs: named `RelayFlowOptions`; has `headers`, `signal` and more
    url: string
    fetch?: typeof fetch // default: the global one of the moment. Headers of one's own are added in it
    /** SECONDS for each request, its body included. Default: 300. */
    timeout?: number // ours: differs: MILLISECONDS, so that 30 is 30 ms
  }
  export interface RelayExecuteOptions // ours: yes, and `blockOverrides`, `attachments`, `timeout` (ms)
    extends
      Pick<ExecuteOptions, "message" | "messages" | "parameters" | "tools" | "toolChoice" | "toolHandler" | "trace">
  {
    maxToolRounds?: number // default: 10
    signal?: AbortSignal // every round has it
  }
  export class RelayFlow { // ours: differs: a type alone, no value: no `new RelayFlow(…)`, no `instanceof`; has `close`
    constructor(options: CreateRelayFlowOptions)
    /**
     * A status outside 2xx rejects with the error of `flow.execute`, without `requestId` and `retryAfter`. A refusal of the
     * relay, `{ detail: "FORBIDDEN" }`, has no `code`, and its JSON as `message` (ours: that `code`). What `fetch` throws
     * comes out as it is, the `AbortError` of a timeout too (ours: `APIConnectionError`, `APITimeoutError`). 2xx without a
     * JSON object is a result without fields (ours: `UnexpectedResponseError`). Nothing is repeated.
     */
    execute(options?: RelayExecuteOptions): Promise<ExecuteResult | PausedResult>
  }
  export function createRelayFlow(options: CreateRelayFlowOptions): RelayFlow // ours: yes; differs by its options
  export interface ExecuteTransport { // ours: no
    send(payload: Record<string, unknown>): Promise<{ status: number; body: Record<string, unknown> }>
  }
  export interface RelayExecuteTransportOptions { // ours: no
    url: string
    fetch?: typeof fetch
    signal?: AbortSignal
    timeout?: number // SECONDS; default: 300
  }
  /** One POST as JSON. Resolves whatever the status; a body that is no object, or breaks off, is `{}`. */
  export class RelayExecuteTransport implements ExecuteTransport { // ours: no
    constructor(options: RelayExecuteTransportOptions)
    send(payload: Record<string, unknown>): Promise<{ status: number; body: Record<string, unknown> }>
  }

  // ---- requests and results
  export interface ChatMessage { // since 0.4.0; ours: no; our `messages` are records, which these are
    role: string
    content?: unknown
    toolCalls?: Record<string, unknown>[]
    toolCallId?: string
    name?: string
    [key: string]: unknown
  }
  export interface ExecuteRequest { // ours: yes; differs: still has `version`
    message?: string | null
    messages?: ChatMessage[]
    parameters?: Record<string, unknown>
    blockOverrides?: Record<string, Record<string, unknown>>
    attachments?: Record<string, unknown>[]
    tools?: Record<string, unknown>[]
    toolChoice?: unknown
    executionId?: string
    pausedAtStep?: string
    iterationsUsed?: number
    toolCallMessages?: Record<string, unknown>[]
    accumulatedOutputs?: Record<string, unknown>
    trace?: boolean
  }
  export interface StepRequest { // ours: yes, and `attachments`
    executionId?: string
    stepIndex?: number
    accumulatedOutputs?: Record<string, unknown>
    message?: string | null
    parameters?: Record<string, unknown>
    inputOverrides?: Record<string, unknown>
    blockOverrides?: Record<string, Record<string, unknown>>
    runRemaining?: boolean
    tools?: Record<string, unknown>[]
    toolChoice?: unknown
    toolCallMessages?: Record<string, unknown>[]
    iterationsUsed?: number
    trace?: boolean
  }
  export interface ExecuteResult { // ours: yes
    status: "completed" | "failed"
    result?: unknown
    flowId: string
    blockCount: number
    executionId?: string
    sessionId?: string
    readonly requiresToolCalls: false // not enumerable, except in a replay
  }
  interface Pause { // no name there; ours: no. `toolCalls` of ours are `ToolCall[]`
    executionId: string
    iterationsUsed: number
    accumulatedOutputs: Record<string, unknown>
    toolCallMessages: Record<string, unknown>[]
    toolCalls: Record<string, unknown>[]
  }
  export interface PausedResult extends Pause { // ours: yes, and `result?: undefined`
    status: "tool_calls_required"
    pausedAtStep: string
    flowId: string
    blockCount: number
    sessionId?: string
    readonly requiresToolCalls: true
    resume(args: { toolResults: Record<string, unknown>[] }): Promise<ExecuteResult | PausedResult>
  }
  export interface JobAccepted { // ours: yes
    executionId: string
    status: string
    flowId: string
    blockCount: number
    sessionId?: string
  }
  export interface JobStatus { // ours: yes, and "cancelled"
    executionId: string
    status: "pending" | "running" | "completed" | "failed"
    result?: unknown
    error?: string
  }

  // ---- events: ours: yes, all ten; `outputFrom` of StepCompleted and `resultFrom` of FlowCompleted are ours alone
  export interface RunStarted {
    type: "run_started" | "flow_started"
    runId: string
    executionId?: string
    flowId?: string
    stepCount?: number
  }
  export interface StepStarted {
    type: "step_started"
    stepId: string
    name?: string
    stepIndex: number
  }
  export interface StepInput {
    type: "step_input"
    stepId: string
    inputData?: Record<string, unknown>
  }
  export interface StepOutput {
    type: "step_output"
    stepId: string
    outputData?: unknown
  }
  export interface StepCompleted {
    type: "step_completed"
    stepId: string
    name?: string
    output?: unknown
    durationMs?: number
    tokens?: TokenBreakdown
    costUsd?: string
    stepIndex: number
  }
  export interface StepFailed {
    type: "step_error"
    stepId: string
    name?: string
    error?: Record<string, unknown>
  }
  export interface StepPaused {
    type: "step_paused"
    stepId: string
    stepIndex: number
  }
  export interface ToolCallsRequired extends Pause {
    type: "tool_calls_required"
    runId: string
    stepId: string
    stepIndex: number
    resume(args: { toolResults: Record<string, unknown>[] }): Promise<void>
  }
  export interface FlowCompleted {
    type: "flow_completed"
    runId?: string
    executionId?: string
    result?: unknown
    summary?: Record<string, unknown>
  }
  export type StreamEvent =
    | RunStarted
    | StepStarted
    | StepInput
    | StepOutput
    | StepCompleted
    | StepFailed
    | StepPaused
    | ToolCallsRequired
    | FlowCompleted

  // ---- traces: ours: yes, all five; `StepTrace.waitingMs` and `Trace.summary` (shown in its README) are ours alone
  export interface TokenBreakdown {
    prompt: number
    completion: number
    total: number
  }
  export interface StepTrace {
    stepId: string
    attempt: number
    loopIndex?: number | null
    status: "running" | "completed" | "failed" | "skipped"
    startedAt?: string
    completedAt?: string
    durationMs?: number
    modelUsed?: string
    tokens?: TokenBreakdown
    costUsd?: string
    inputContext?: Record<string, unknown>
    outputContext?: Record<string, unknown>
    errorContext?: Record<string, unknown>
    inputSizeBytes?: number
    outputSizeBytes?: number
    truncated?: boolean
  }
  export interface RunSummary {
    id: string
    flowId: string
    status: string
    triggerType?: string
    startedAt?: string
    completedAt?: string
    durationMs?: number
    stepCount?: number
  }
  export interface Trace {
    flowRun: RunSummary
    steps: StepTrace[]
  }
  export interface StepAttempts {
    stepId: string
    attempts: StepTrace[]
  }

  // ---- errors: ours: yes, all nineteen with the same parents, and seven classes more
  interface NoukaiErrorInit { // ours: yes, and `isRetryable`
    statusCode?: number
    code?: string
    executionId?: string
    requestId?: string
    responseBody?: unknown
    cause?: unknown
  }
  export class NoukaiError extends Error { // thrown itself: spans are on and `@opentelemetry/api` is missing
    constructor(message: string, init?: NoukaiErrorInit)
    readonly statusCode?: number | undefined
    readonly code?: string | undefined // `detail.code` of the body
    readonly executionId?: string | undefined
    readonly requestId?: string | undefined
    readonly responseBody?: unknown
  }
  export class APIConnectionError extends NoukaiError {} // `fetch` failed, or was aborted with a reason of one's own
  export class APITimeoutError extends APIConnectionError {} // a timeout; `abort()` too; ours: differs: the reason itself
  export class AuthenticationError extends NoukaiError {} // 401; no key
  export class InsufficientCreditsError extends NoukaiError {} // 402
  export class PermissionDeniedError extends NoukaiError {} // 403
  export class FlowNotFoundError extends NoukaiError {} // 404
  export class RateLimitError extends NoukaiError { // 429
    constructor(message: string, init?: NoukaiErrorInit & { retryAfter?: number })
    readonly retryAfter?: number | undefined // seconds; NaN for a date; ours: differs: a date gives seconds
  }
  export class FlowExecutionError extends NoukaiError {} // any other status; a failure that is replayed
  export class ToolCallLimitError extends NoukaiError {} // code TOOL_CALL_LIMIT_CLIENT
  export class ReplayError extends NoukaiError {} // thrown itself by `executeAsync` in a replay
  export class ReplayDisabledError extends ReplayError {} // never thrown
  export class ReplayInvalidSessionError extends ReplayError {} // the id is no UUID (nothing is sent); 400
  export class ReplayForbiddenError extends ReplayError {} // 403
  export class ReplaySessionNotFoundError extends ReplayError {} // 404; an empty answer
  export class ReplaySessionExpiredError extends ReplayError {} // 410
  export class ReplayNoSnapshotsError extends ReplayError {} // a run of the session has no snapshots
  export class ReplayMissError extends ReplayError {} // a call without a recording
  export class ReplayLeftoverError extends ReplayError {} // recordings without a call, once `fn` has resolved
  export const ServerErrorCode: { // ours: yes, and five more
    readonly [
      Code in
        | "FLOW_NOT_FOUND"
        | "INVALID_TREE"
        | "NO_STEPS"
        | "INSUFFICIENT_CREDITS"
        | "CREDITS_EXHAUSTED"
        | "BILLING_UNAVAILABLE"
        | "INTERNAL_ERROR"
        | "TOOLS_NOT_ENABLED"
        | "TOOLS_INVALID"
        | "TOOL_NAME_INVALID"
        | "TOOLS_IN_NON_SEQUENTIAL_STEP"
        | "PAUSED_STEP_INVALID"
        | "EXECUTION_ID_INVALID"
        | "TOOL_RESULTS_MISMATCH"
        | "TOOL_ITERATION_LIMIT"
        | "MESSAGES_TOO_LARGE"
        | "TOOLS_REQUIRE_SYNC_EXECUTE"
        | "INVALID_STEP_INDEX"
        | "INVALID_FIRST_CALL"
        | "STALE_TREE"
        | "MISSING_MESSAGE"
        | "RUN_NOT_FOUND"
        | "BYOK_KEY_REJECTED"
    ]: Code
  }
  export type ServerErrorCodeValue = keyof typeof ServerErrorCode // ours: yes

  // ---- scopes
  export interface ReplayScopeOptions { // ours: differs: named `TraceScopeOptions` alone; has `client`
    /** Replays if `NOUKAI_REPLAY_ENABLED` is 1, true, yes or on; else it counts as none (ours: with a warning). */
    replaySessionId?: string
    capture?: boolean // default: true
    transport?: Transport // `noukai._transport`; without one a session is fetched without a key; ours: differs: refused
  }
  /** A scope in a scope has a session of its own. */
  export function replayScope<T>( // ours: yes; differs: joins the outer scope. `traceScope`, `trace` are ours alone
    fn: () => Promise<T> | T,
    options?: ReplayScopeOptions
  ): Promise<T>
  export function currentSessionId(): string | null // ours: yes
  /** Holds recordings and counters too. With `capture: false` the mode is "normal". */
  export function currentScope(): // ours: differs: `{ mode, sessionId }`, null with `capture: false`
  { mode: "normal" | "capture" | "replay"; sessionId: string | null } | null
  export {}
}

declare module "@noukai/sdk/adapters/express" {
  import type { Noukai } from "@noukai/sdk"
  import type { FlowRelayConfig } from "@noukai/sdk/adapters/relay"
  interface Sender {
    status(code: number): Sender
    json(body: unknown): void
  } // no name there; ours: no
  interface TracedResponse extends Sender { // no name there; ours: `ExpressResponse`, other members
    setHeader(name: string, value: string): void
    headersSent: boolean
    writeHead: (...args: unknown[]) => unknown
  }
  export interface NoukaiTraceMiddlewareOptions {
    client: Noukai
  } // ours: differs: named `Options`; four more options
  /**
   * A scope per request. `X-Noukai-Session` is set when `writeHead` is called. Replay errors are 403, 404, 410, 400, 409,
   * else 500, as `{ error, message }`. Calls `next` with a function as its argument, which Express takes for an error.
   */
  export function noukaiTraceMiddleware( // ours: yes; differs: calls `next()`; 502 if Noukai does not answer
    options: NoukaiTraceMiddlewareOptions
  ): (
    req: { headers: Record<string, string | string[] | undefined> },
    res: TracedResponse,
    next: (error?: unknown) => void
  ) => void
  export interface RelayExpressRequest extends AsyncIterable<Uint8Array | string> { // ours: differs: `ExpressRequest`
    headers: Record<string, string | string[] | undefined>
    body?: unknown // or `rawBody`: text in place of the stream; bytes or an object if the stream is empty
  }
  /**
   * Whatever `authorize` returns lets the caller pass, `false` too; only what it throws refuses. It runs after the checks
   * of the body, which it is not given. A wrong `version` rejects at each request.
   */
  export interface NoukaiRelayHandlerOptions extends FlowRelayConfig { // ours: differs: named `RelayOptions`; `flow` for
    // `org`, `project`, `slug`; no `bounds`: `maxBodyBytes`, `maxMessages` themselves; throws when the handler is built;
    // `authorize(request, body)` lets pass with `true` or an object ALONE: one that returns nothing is 403 for everyone
    authorize: (req: RelayExpressRequest) => void | Promise<void>
  }
  /**
   * Body, counts, `authorize`, one POST, its status and JSON. No check of method or content type. An `APIConnectionError`
   * is 502 `{ detail: "UPSTREAM_UNAVAILABLE" }`; any other error rejects.
   */
  export function noukaiRelayHandler( // ours: yes; differs by its options; 405, 408, 415; the bytes of the answer
    options: NoukaiRelayHandlerOptions
  ): (req: RelayExpressRequest, res: Sender) => Promise<void>
  export {}
}

declare module "@noukai/sdk/adapters/nextjs" {
  import type { Noukai } from "@noukai/sdk"
  import type { FlowRelayConfig } from "@noukai/sdk/adapters/relay"
  export interface WithNoukaiTraceOptions {
    client: Noukai
  } // ours: yes, and four more options
  /** The handler is given the request alone. What is no replay error is thrown on. */
  export function withNoukaiTrace<TReq extends { headers: { get(name: string): string | null } }>( // ours: yes, and
    handler: (req: TReq) => Promise<Response> | Response, // further arguments are handed on
    options: WithNoukaiTraceOptions
  ): (req: TReq) => Promise<Response>
  export interface CreateRelayRouteOptions extends FlowRelayConfig { // ours: differs as `NoukaiRelayHandlerOptions`
    authorize: (req: Request) => void | Promise<void>
  }
  /** As `noukaiRelayHandler`; 204, 205, 304 without a body. */
  export function createRelayRoute(options: CreateRelayRouteOptions): (req: Request) => Promise<Response> // ours: as there
  export {}
}

/** Since 0.4.0. Its guide says that the constants are at `/express` and `/nextjs`; the code has them here alone. */
declare module "@noukai/sdk/adapters/relay" { // ours: no such names: `/Relay` is for Effects
  import type { Noukai } from "@noukai/sdk"
  export const DEFAULT_RELAY_PATH = "/agent/execute" // ours: no
  export const DEFAULT_MAX_BODY_BYTES = 262_144 // ours: differs: `Relay.defaults.maxBodyBytes`
  export const DEFAULT_MAX_MESSAGES = 40 // ours: differs: `Relay.defaults.maxMessages`
  export interface RelayBounds { // ours: differs: options of the relay itself
    maxBodyBytes?: number // default: 262,144; over it 413 BODY_TOO_LARGE, before anything is parsed
    maxMessages?: number // default: 40, of `messages` and of `toolCallMessages`; over it 413 TOO_MANY_MESSAGES
  }
  export interface FlowRelayConfig { // ours: no
    client: Noukai
    org: string
    project: string
    slug: string
    bounds?: RelayBounds
    version?: "draft" | "production" | number // default: "production"; the draft is allowed
  }
  export interface RelayOutcome {
    status: number
    body: unknown
  } // ours: no
  export interface RelayReject {
    status: number
    detail: string
  } // ours: no
  export function resolveBounds(bounds?: RelayBounds): Required<RelayBounds> // ours: no
  /** Blank text is `{}`. What is no JSON object is 400 INVALID_JSON. */
  export function boundAndParseBody( // ours: no
    raw: string,
    bounds: Required<RelayBounds>
  ): { payload: Record<string, unknown> } | { reject: RelayReject }
  /** One POST. An `Error` for a wrong version. An answer that is no object or list is `{ detail: "UPSTREAM_NON_JSON" }`. */
  export function forwardToFlow(config: FlowRelayConfig, payload: Record<string, unknown>): Promise<RelayOutcome> // ours: no
  /** A numeric `status`, else `statusCode`, and a `detail` that is text; else 403 FORBIDDEN. Never the message. */
  export function authRejectionResponse(error: unknown): RelayReject // ours: no; the same rule, for 400 to 599
  export {}
}
