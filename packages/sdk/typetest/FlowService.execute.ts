/** Types of `execute` and `resume`: exact errors, requirements, results and inputs. */
import {
  type APIConnectionError,
  type APITimeoutError,
  type AuthenticationError,
  type BudgetExceededError,
  type CostLimitError,
  type ExecuteInput,
  type ExecuteResult,
  Flow,
  type FlowExecutionError,
  type FlowNotFoundError,
  type FlowService,
  type InsufficientCreditsError,
  type InvalidRequestError,
  Noukai,
  type NoukaiConfig,
  type NoukaiHttp,
  NoukaiLive,
  type PausedResult,
  type PausedState,
  type PermissionDeniedError,
  type RateLimitError,
  type ReplayForbiddenError,
  type ReplayInvalidSessionError,
  type ReplayMissError,
  type ReplayNoSnapshotsError,
  type ReplaySessionExpiredError,
  type ReplaySessionNotFoundError,
  type ToolCallLimitError,
  type ToolDeclaration,
  Tools,
  type UnexpectedResponseError
} from "@effect-noukai/sdk"
import type * as FlowServices from "@effect-noukai/sdk/FlowService"
import type * as Http from "@effect-noukai/sdk/NoukaiHttp"
import { Context, Data, Effect, type Layer, Schema } from "effect"
import { expectTypeOf } from "vitest"

declare const flows: FlowService.Service

type Expected =
  | AuthenticationError
  | PermissionDeniedError
  | FlowNotFoundError
  | InsufficientCreditsError
  | RateLimitError
  | FlowExecutionError
  | APIConnectionError
  | APITimeoutError
  | BudgetExceededError
  | CostLimitError
  | InvalidRequestError
  | UnexpectedResponseError
  | ReplayMissError
  | ReplayForbiddenError
  | ReplaySessionNotFoundError
  | ReplaySessionExpiredError
  | ReplayInvalidSessionError
  | ReplayNoSnapshotsError

// without tools: no pause, no requirement, exactly these errors
expectTypeOf(flows.execute("a/b/c", { message: "hi" })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, Expected, never>
>()

// typed parameters and result
const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard"), since: Schema.optional(Schema.Date) }),
  result: Schema.Struct({ score: Schema.NumberFromString })
})
expectTypeOf(flows.execute(Grade, { parameters: { difficulty: "easy" } })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<{ readonly score: number }>, Expected, never>
>()
// @ts-expect-error required keys make parameters required
flows.execute(Grade, { message: "hi" })
// @ts-expect-error a wrong value
flows.execute(Grade, { parameters: { difficulty: "medium" } })
// @ts-expect-error an unknown parameter
flows.execute(Grade, { parameters: { difficulty: "easy", tone: "dry" } })
// @ts-expect-error a misspelt option
flows.execute(Grade, { parameters: { difficulty: "easy" }, mesage: "hi" })

const AllOptional = Flow.make("a/b/c", { parameters: Schema.Struct({ tone: Schema.optional(Schema.String) }) })
flows.execute(AllOptional, {})
flows.execute(AllOptional, { parameters: { tone: "dry" } })

// a flow without schemas takes any named inputs
flows.execute(Flow.make("a/b/c"), { parameters: { anything: 1 } })
flows.execute({ org: "a", project: "b", slug: "c" }, {})
expectTypeOf<Flow.Flow.Parameters<typeof Grade>>().toEqualTypeOf<
  { readonly difficulty: "easy" | "hard"; readonly since?: Date | undefined }
>()
expectTypeOf<Flow.Flow.Result<typeof Grade>>().toEqualTypeOf<{ readonly score: number }>()

// tools declared by hand: the run may pause
declare const declarations: ReadonlyArray<ToolDeclaration>
expectTypeOf(flows.execute(Grade, { parameters: { difficulty: "easy" }, tools: declarations })).toEqualTypeOf<
  Effect.Effect<
    ExecuteResult<{ readonly score: number }> | PausedResult<{ readonly score: number }>,
    Expected,
    never
  >
>()
expectTypeOf(flows.execute("a/b/c", { tools: [{ type: "function", function: { name: "x" } }] })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown> | PausedResult<unknown>, Expected, never>
>()

// a handler: no pause; its errors and requirements are the run's
class Offline extends Data.TaggedError("Offline") {}
class Database extends Context.Tag("Database")<Database, { readonly get: Effect.Effect<string, Offline> }>() {}
const handled = Tools.handle(declarations, (calls) =>
  Effect.gen(function*() {
    const database = yield* Database
    const content = yield* database.get
    return calls.map((call) => ({ toolCallId: call.id, content }))
  }))
expectTypeOf(flows.execute("a/b/c", { tools: handled })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, Expected | Offline | ToolCallLimitError, Database>
>()

// a limit of cost changes no type: its error is one of every call, also of answering a pause
expectTypeOf(flows.execute("a/b/c", { maxCostUsd: 0.5 })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, Expected, never>
>()
expectTypeOf(flows.execute("a/b/c", { tools: declarations, maxCostUsd: "0.5" })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown> | PausedResult<unknown>, Expected, never>
>()
expectTypeOf(flows.execute("a/b/c", { maxCostUsd: undefined })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, Expected, never>
>()

// the hook at a pause: its errors and requirements are the call's, beside those of tools
declare const store: (state: PausedState) => Effect.Effect<void, Offline, Database>
declare const audit: (state: PausedState) => Effect.Effect<void, "full"> | Effect.Effect<void, "slow", Database>
expectTypeOf(flows.execute("a/b/c", { tools: declarations, onPause: store })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown> | PausedResult<unknown>, Expected | Offline, Database>
>()
expectTypeOf(flows.execute("a/b/c", { tools: handled, onPause: audit })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, Expected | Offline | ToolCallLimitError | "full" | "slow", Database>
>()
expectTypeOf(flows.execute("a/b/c", { onPause: undefined })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, Expected, never>
>()
flows.execute("a/b/c", {
  onPause: (state) => {
    expectTypeOf(state).toEqualTypeOf<PausedState>()
    return Effect.void
  }
})
// @ts-expect-error a hook returns an effect
flows.execute("a/b/c", { onPause: () => undefined })

// @ts-expect-error an amount is a number or text
flows.execute("a/b/c", { maxCostUsd: 1n })

// typed tools
const made = Tools.make(
  Tools.tool({
    name: "get",
    parameters: Schema.Struct({ n: Schema.NumberFromString }),
    success: Schema.Date,
    handler: ({ n }) => {
      expectTypeOf(n).toEqualTypeOf<number>()
      return Effect.flatMap(Database, () => Effect.fail(new Offline()))
    }
  }),
  Tools.tool({ name: "put", parameters: Schema.Struct({}), handler: () => Effect.void })
)
expectTypeOf(flows.execute("a/b/c", { tools: made })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, Expected | Offline | ToolCallLimitError, Database>
>()
Tools.tool({
  name: "bad",
  parameters: Schema.Struct({}),
  success: Schema.Date,
  // @ts-expect-error the value must fit the success schema
  handler: () => Effect.succeed("today")
})

// resume
declare const state: PausedState
expectTypeOf(flows.resume(Grade, state, [{ toolCallId: "tc_1", content: "x" }])).toEqualTypeOf<
  Effect.Effect<ExecuteResult<{ readonly score: number }> | PausedResult<{ readonly score: number }>, Expected, never>
>()
expectTypeOf(flows.resume(Grade, state, [], { tools: handled })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<{ readonly score: number }>, Expected | Offline | ToolCallLimitError, Database>
>()
declare const maybe: typeof handled | undefined
expectTypeOf(flows.resume(Grade, state, [], { tools: maybe })).toEqualTypeOf<
  Effect.Effect<
    ExecuteResult<{ readonly score: number }> | PausedResult<{ readonly score: number }>,
    Expected | Offline | ToolCallLimitError,
    Database
  >
>()
declare const paused: PausedResult<number>
expectTypeOf(paused.resume([])).toEqualTypeOf<
  Effect.Effect<ExecuteResult<number> | PausedResult<number>, Expected, never>
>()

// a run that may wait has no result before its status is checked, typed or not
declare const typedRun: ExecuteResult<number> | PausedResult<number>
declare const anyRun: ExecuteResult | PausedResult
// @ts-expect-error a paused run has no result
void typedRun.result
// @ts-expect-error a paused run has no result
void anyRun.result
if (typedRun.status === "completed") expectTypeOf(typedRun.result).toEqualTypeOf<number>()

// a generic wrapper compiles
export const wrap = <P, A>(flow: Flow.Flow<P, A>, input: ExecuteInput<P>): Effect.Effect<ExecuteResult<A>, Expected> =>
  flows.execute(flow, input)

// layers
// a program does not know which of these it got
expectTypeOf<typeof FlowServices.layer>().toEqualTypeOf<Layer.Layer<FlowService, never, NoukaiHttp>>()
expectTypeOf<typeof Http.layer>().toEqualTypeOf<Layer.Layer<NoukaiHttp, never, NoukaiConfig>>()
expectTypeOf(NoukaiLive).toEqualTypeOf<
  Layer.Layer<Noukai.Services | NoukaiConfig, AuthenticationError | InvalidRequestError, never>
>()
expectTypeOf(Noukai.layerServices).toEqualTypeOf<Layer.Layer<Noukai.Services, never, NoukaiConfig>>()
expectTypeOf<NoukaiHttp>().toExtend<Noukai.Services>()

// what may be absent is a key that may be absent, and no `undefined`
type Facts = {
  readonly executionId?: string
  readonly flowId?: string
  readonly blockCount?: number
  readonly sessionId?: string
  readonly requestId?: string
}
expectTypeOf<Pick<ExecuteResult, keyof Facts>>().toEqualTypeOf<Facts>()
expectTypeOf<Pick<PausedResult, Exclude<keyof Facts, "executionId">>>().toEqualTypeOf<Omit<Facts, "executionId">>()
expectTypeOf<Pick<PausedState, "sessionId" | "attachments">>().toEqualTypeOf<
  { readonly sessionId?: string; readonly attachments?: ReadonlyArray<unknown> }
>()
expectTypeOf<Pick<RateLimitError, "executionId" | "requestId" | "statusCode" | "retryAfter">>().toEqualTypeOf<
  {
    readonly executionId?: string
    readonly requestId?: string
    readonly statusCode?: number
    readonly retryAfter?: number
  }
>()
expectTypeOf<Pick<FlowExecutionError, "status" | "stepId" | "reused">>().toEqualTypeOf<
  { readonly status?: "failed" | 500; readonly stepId?: string; readonly reused?: boolean }
>()
