/** Types of `executeOnce`, `submitOnce`, `onPause` and `SessionService`. */
import {
  type AmbiguousRunError,
  type CallError,
  type ExecuteResult,
  Flow,
  type FlowCursor,
  type FlowService,
  type InvalidRequestError,
  type JobService,
  type OnceError,
  type OnceJob,
  type OncePausedResult,
  type OnceResult,
  type PausedResult,
  type PausedState,
  type ResultNotStoredError,
  type RunInProgressError,
  type SessionError,
  type SessionService,
  type ToolCallLimitError,
  type ToolDeclaration,
  Tools,
  type UnexpectedResponseError
} from "@effect-noukai/sdk"
import type { RunEvent, ToolCallsRequired } from "@effect-noukai/sdk/FlowEvent"
import type { onceSession } from "@effect-noukai/sdk/FlowService"
import type { Session } from "@effect-noukai/sdk/SessionService"
import { Context, Data, Effect, Schema, type Stream } from "effect"
import { expectTypeOf } from "vitest"

declare const flows: FlowService.Service
declare const jobs: JobService.Service
declare const sessions: SessionService.Service
declare const declarations: ReadonlyArray<ToolDeclaration>
declare const cursor: FlowCursor

expectTypeOf<OnceError>().toEqualTypeOf<RunInProgressError | ResultNotStoredError | AmbiguousRunError>()
expectTypeOf<Extract<CallError, OnceError>>().toEqualTypeOf<never>()

const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
  result: Schema.Struct({ score: Schema.Number })
})

interface Score {
  readonly score: number
}

// no tools: no pause, no requirement
expectTypeOf(flows.executeOnce("key", "a/b/c", {})).toEqualTypeOf<
  Effect.Effect<OnceResult<unknown>, CallError | OnceError>
>()
expectTypeOf(flows.executeOnce("key", Grade, { parameters: { difficulty: "easy" } })).toEqualTypeOf<
  Effect.Effect<OnceResult<Score>, CallError | OnceError>
>()
// @ts-expect-error parameters are required, as those of execute are
void flows.executeOnce("key", Grade, {})
// @ts-expect-error the session is made of the key
void flows.executeOnce("key", "a/b/c", { sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" })
// @ts-expect-error a key is text
void flows.executeOnce(1, "a/b/c", {})

// a stream of the run of a key has the types of events, and the errors of a key
expectTypeOf(flows.eventsOnce("key", "a/b/c", {})).toEqualTypeOf<
  Stream.Stream<RunEvent<unknown>, CallError | OnceError>
>()
expectTypeOf(flows.eventsOnce("key", Grade, { parameters: { difficulty: "easy" }, maxCostUsd: 1 })).toEqualTypeOf<
  Stream.Stream<RunEvent<Score>, CallError | OnceError>
>()
expectTypeOf(flows.eventsOnce("key", Grade, { parameters: { difficulty: "easy" }, tools: declarations })).toEqualTypeOf<
  Stream.Stream<RunEvent<Score> | ToolCallsRequired<Score>, CallError | OnceError>
>()
// @ts-expect-error parameters are required, as those of events are
void flows.eventsOnce("key", Grade, {})
// @ts-expect-error the session is made of the key
void flows.eventsOnce("key", "a/b/c", { sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" })
// @ts-expect-error a run of a key is not begun at a cursor
void flows.eventsOnce("key", "a/b/c", { from: cursor })

// tools by hand: it may pause
expectTypeOf(flows.executeOnce("key", "a/b/c", { tools: declarations })).toEqualTypeOf<
  Effect.Effect<OnceResult<unknown> | OncePausedResult<unknown>, CallError | OnceError>
>()
declare const paused: OncePausedResult<Score>
expectTypeOf(paused.resume).returns.toEqualTypeOf<
  Effect.Effect<ExecuteResult<Score> | PausedResult<Score>, CallError>
>()

class DiskFull extends Data.TaggedError("DiskFull") {}

class HandlerFailed extends Data.TaggedError("HandlerFailed") {}

class Store extends Context.Tag("Store")<Store, { readonly put: (text: string) => Effect.Effect<void, DiskFull> }>() {}

class Weather extends Context.Tag("Weather")<Weather, string>() {}

const store = (state: PausedState) => Effect.flatMap(Store, ({ put }) => put(JSON.stringify(state)))

// what is done at a pause adds its errors and requirements to those of the handler
const handled = Tools.handle(
  declarations,
  () => Effect.flatMap(Weather, () => Effect.fail(new HandlerFailed()))
)
expectTypeOf(flows.execute("a/b/c", { tools: handled, onPause: store })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, CallError | ToolCallLimitError | HandlerFailed | DiskFull, Weather | Store>
>()
expectTypeOf(flows.executeOnce("key", "a/b/c", { tools: handled, onPause: store })).toEqualTypeOf<
  Effect.Effect<
    OnceResult<unknown>,
    CallError | OnceError | ToolCallLimitError | HandlerFailed | DiskFull,
    Weather | Store
  >
>()
declare const state: PausedState
expectTypeOf(flows.resume("a/b/c", state, [], { onPause: store })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown> | PausedResult<unknown>, CallError | DiskFull, Store>
>()
// without it nothing is added
expectTypeOf(flows.execute("a/b/c", { message: "hi" })).toEqualTypeOf<
  Effect.Effect<ExecuteResult<unknown>, CallError>
>()

expectTypeOf(jobs.submitOnce("key", Grade, { parameters: { difficulty: "easy" } })).toEqualTypeOf<
  Effect.Effect<OnceJob<Score>, CallError | OnceError>
>()
// @ts-expect-error the queue takes no tools
void jobs.submitOnce("key", "a/b/c", { tools: declarations })

expectTypeOf(sessions.get("5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01")).toEqualTypeOf<
  Effect.Effect<Session, SessionError>
>()
expectTypeOf<Extract<SessionError, InvalidRequestError | UnexpectedResponseError>>().toEqualTypeOf<
  InvalidRequestError | UnexpectedResponseError
>()

expectTypeOf<ReturnType<typeof onceSession>>().toEqualTypeOf<Effect.Effect<string, InvalidRequestError>>()
