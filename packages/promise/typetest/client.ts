/** The types of the client. */
import {
  type AttemptSpec,
  createRelayFlow,
  type CreateRelayFlowOptions,
  currentSessionId,
  type ExecuteResult,
  type Flow,
  type Job,
  type JobOutcome,
  type JobStatus,
  type Noukai,
  Noukai as Client,
  type NoukaiError,
  type NoukaiOptions,
  type NoukaiTransport,
  type OnceJob,
  type OnceResult,
  type PausedResult,
  RelayExecuteTransport,
  RelayFlow,
  type Run,
  type ServerErrorCode,
  type ServerErrorCodeValue,
  type StepAttempts,
  type StepCompleted,
  type StepTrace,
  type StreamEvent,
  type ToolCall,
  type ToolCallsRequired,
  type Trace,
  trace,
  traceScope
} from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import type { NoukaiLive } from "@effect-noukai/sdk"
import type { FlowService } from "@effect-noukai/sdk/FlowService"
import type { ServerErrorCode as SdkErrorCode } from "@effect-noukai/sdk/NoukaiError"
import type * as Published from "@noukai/sdk"
import type { Effect, Layer, ManagedRuntime } from "effect"
import { expectTypeOf } from "vitest"

declare const noukai: Noukai
declare const flow: Flow

// spans: a tracer alone has no effect
declare const tracer: unknown
declare const flag: boolean | undefined
void new Client({ otel: true, tracer })
void new Client({ otel: flag, tracer })
void new Client({ otelStepPayloads: true, tracer })
declare const options: NoukaiOptions
void new Client(options)
void new Client({ ...options, otelSteps: true })
// @ts-expect-error a tracer without spans
void new Client({ tracer })
// @ts-expect-error a misspelled option
void new Client({ apikey: "nk_1" })

// execute: a union told apart by requiresToolCalls
expectTypeOf(flow.execute).returns.toEqualTypeOf<Promise<ExecuteResult | PausedResult>>()
expectTypeOf(flow.executeOnce).returns.toEqualTypeOf<Promise<OnceResult>>()
expectTypeOf(flow.submitOnce).returns.toEqualTypeOf<Promise<OnceJob>>()
expectTypeOf(flow.executeAsyncOnce).returns.toEqualTypeOf<Promise<OnceJob>>()
declare const once: OnceResult
expectTypeOf(once.reused).toEqualTypeOf<boolean>()
if (once.requiresToolCalls) expectTypeOf(once.resume).toEqualTypeOf<PausedResult["resume"]>()
// @ts-expect-error the session is made of the key
void flow.executeOnce("key", { sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" })
declare const run: ExecuteResult | PausedResult
if (run.requiresToolCalls) expectTypeOf(run).toEqualTypeOf<PausedResult>()
else expectTypeOf(run).toEqualTypeOf<ExecuteResult>()
if (run.status === "failed") expectTypeOf(run).toEqualTypeOf<ExecuteResult>()
// @ts-expect-error a run that waits has no result: the status comes first
void run.result
// @ts-expect-error the status comes first after executeOnce, too
void once.result
if (run.status === "completed") expectTypeOf(run.result).toEqualTypeOf<unknown>()
if (run.status !== "tool_calls_required") expectTypeOf(run.result).toEqualTypeOf<unknown>()

// many jobs: a status or an error
declare const jobs: ReadonlyArray<Job>
expectTypeOf(noukai.waitAll(jobs, { timeout: 1, rate: 5 })).toEqualTypeOf<AsyncIterable<JobOutcome>>()
declare const outcome: JobOutcome
if (outcome.error === undefined) expectTypeOf(outcome.status).toEqualTypeOf<JobStatus>()
else expectTypeOf(outcome.error).toEqualTypeOf<NoukaiError>()

// handlers know what they get
void flow.execute({
  toolHandler: (calls, { signal }) => {
    expectTypeOf(calls).toEqualTypeOf<Array<ToolCall>>()
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    return []
  }
})
// @ts-expect-error a handler gives results
void flow.execute({ toolHandler: () => "sunny" })
// @ts-expect-error no such option
void flow.execute({ mesage: "hi" })
// @ts-expect-error the queue takes no tools
void flow.executeAsync({ tools: [] })
// @ts-expect-error a stream takes no conversation
void flow.events({ messages: [] })
// @ts-expect-error steps run one per request
void flow.steps({ runRemaining: true })

// loops
expectTypeOf(flow.steps).returns.toEqualTypeOf<AsyncIterable<StepCompleted>>()
expectTypeOf(flow.events).returns.toEqualTypeOf<AsyncIterable<StreamEvent>>()
declare const event: StreamEvent
if (event.type === "tool_calls_required") expectTypeOf(event).toEqualTypeOf<ToolCallsRequired>()
if (event.type === "step_completed") expectTypeOf(event.stepIndex).toEqualTypeOf<number>()

// jobs and runs
expectTypeOf(flow.executeAsync).returns.toEqualTypeOf<Promise<Job>>()
expectTypeOf(noukai.job).returns.toEqualTypeOf<Job>()
declare const job: Job
expectTypeOf(job.wait).returns.toEqualTypeOf<Promise<JobStatus>>()
expectTypeOf<JobStatus["status"]>().toEqualTypeOf<"pending" | "running" | "completed" | "failed" | "cancelled">()
declare const left: Run
expectTypeOf(left.trace).returns.toEqualTypeOf<Promise<Trace>>()
expectTypeOf(left.stepTrace).returns.toEqualTypeOf<Promise<StepTrace | StepAttempts>>()
expectTypeOf<AttemptSpec>().toEqualTypeOf<number | "latest" | "all">()

// scopes
expectTypeOf(traceScope(() => 1)).toEqualTypeOf<Promise<number>>()
expectTypeOf(traceScope(async () => "a", { client: noukai })).toEqualTypeOf<Promise<string>>()
expectTypeOf(trace((a: number, b: string) => `${a}${b}`)).toEqualTypeOf<(a: number, b: string) => Promise<string>>()
expectTypeOf(currentSessionId).returns.toEqualTypeOf<string | null>()
expectTypeOf(noukai._transport).toEqualTypeOf<NoukaiTransport>()
// @ts-expect-error only a client's transport is one
void traceScope(() => 1, { transport: {} })

// relays
expectTypeOf(createRelayFlow).toEqualTypeOf<(options: CreateRelayFlowOptions) => RelayFlow>()
expectTypeOf(new RelayFlow({ url: "/agent" })).toEqualTypeOf<RelayFlow>()
expectTypeOf<Awaited<ReturnType<RelayFlow["execute"]>>>().toEqualTypeOf<ExecuteResult | PausedResult>()
expectTypeOf(new RelayExecuteTransport({ url: "/agent", timeout: "30 seconds" }).send).returns.toEqualTypeOf<
  Promise<{ status: number; body: Record<string, unknown> }>
>()
declare const relay: RelayFlow
// a test may use any object
const fake: RelayFlow = { execute: () => relay.execute({ message: "hi", timeout: "30 seconds" }) }
void fake
// @ts-expect-error a number may mean seconds or milliseconds
void relay.execute({ timeout: 30 })
// @ts-expect-error a text has a unit
createRelayFlow({ url: "/agent", timeout: "30" })
// @ts-expect-error fetch adds headers
createRelayFlow({ url: "/agent", headers: {} })
// @ts-expect-error the version is the relay's
void relay.execute({ version: 3 })

// codes are those of the sdk, and of the reference with these
expectTypeOf<ServerErrorCodeValue>().toEqualTypeOf<SdkErrorCode>()
expectTypeOf<ServerErrorCodeValue>().toEqualTypeOf<keyof typeof ServerErrorCode>()
expectTypeOf<typeof ServerErrorCode>().toExtend<typeof Published.ServerErrorCode>()
expectTypeOf<Exclude<Published.ServerErrorCodeValue, ServerErrorCodeValue>>().toBeNever()
expectTypeOf<Exclude<ServerErrorCodeValue, Published.ServerErrorCodeValue>>().toEqualTypeOf<
  | "INVALID_VERSION"
  | "JOB_NOT_FOUND"
  | "MESSAGES_ROLE_INVALID"
  | "MODEL_MIME_INCOMPATIBLE"
  | "PARAMETER_NAME_RESERVED"
>()

// the Effect side
expectTypeOf(NoukaiPromise.inScope).toEqualTypeOf<(noukai: Noukai) => Effect.Effect<Noukai>>()
declare const live: ManagedRuntime.ManagedRuntime<Layer.Layer.Success<typeof NoukaiLive>, never>
expectTypeOf(NoukaiPromise.fromRuntime(live)).toEqualTypeOf<Promise<Noukai>>()
declare const flowsAlone: ManagedRuntime.ManagedRuntime<FlowService, never>
// @ts-expect-error a client has jobs and runs too
void NoukaiPromise.fromRuntime(flowsAlone)

// what may be absent is a key that may be absent, and no `undefined`
expectTypeOf<Pick<NoukaiError, "statusCode" | "code" | "executionId" | "requestId">>().toEqualTypeOf<
  {
    readonly statusCode?: number
    readonly code?: string
    readonly executionId?: string
    readonly requestId?: string
  }
>()
expectTypeOf<Pick<Job, "sessionId">>().toEqualTypeOf<{ readonly sessionId?: string }>()
expectTypeOf<Pick<Noukai, "defaultOrg">>().toEqualTypeOf<{ readonly defaultOrg?: string }>()
