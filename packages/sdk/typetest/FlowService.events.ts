/** Types of `events` and `steps`: exact events, errors, requirements and inputs. */
import {
  type CallError,
  type EventsInput,
  Flow,
  type FlowCursor,
  type FlowEvent,
  type FlowService,
  type StepsInput,
  type ToolCallLimitError,
  type ToolDeclaration,
  Tools
} from "@effect-noukai/sdk"
import { Context, Data, Effect, Schedule, Schema, Stream } from "effect"
import { expectTypeOf } from "vitest"

declare const flows: FlowService.Service
declare const cursor: FlowCursor

// without tools: every event but the pause for tools, no requirement
expectTypeOf(flows.events("a/b/c", { message: "hi" })).toEqualTypeOf<
  Stream.Stream<FlowEvent.RunEvent<unknown>, CallError, never>
>()
expectTypeOf(flows.steps("a/b/c", { message: "hi" })).toEqualTypeOf<
  Stream.Stream<FlowEvent.StepCompleted, CallError, never>
>()
expectTypeOf<FlowEvent.RunEvent["type"]>().toEqualTypeOf<
  | "run_started"
  | "step_started"
  | "step_input"
  | "step_output"
  | "step_completed"
  | "step_error"
  | "step_paused"
  | "flow_completed"
  | "unknown"
>()
expectTypeOf<FlowEvent.FlowEvent["type"]>().toEqualTypeOf<FlowEvent.RunEvent["type"] | "tool_calls_required">()

// the result's type reaches the last event
const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
  result: Schema.Struct({ score: Schema.Number })
})
const grading = flows.events(Grade, { parameters: { difficulty: "easy" } })
expectTypeOf(grading).toEqualTypeOf<
  Stream.Stream<FlowEvent.RunEvent<{ readonly score: number }>, CallError, never>
>()
void Stream.map(grading, (event) => {
  if (event.type === "flow_completed") expectTypeOf(event.result).toEqualTypeOf<{ readonly score: number }>()
  if (event.type === "step_completed") expectTypeOf(event.cursor).toEqualTypeOf<FlowCursor>()
  // @ts-expect-error there is no pause for tools
  return event.type === "tool_calls_required"
})

// parameters are required exactly when the schema requires some, unless a cursor brings them
void flows.events(Grade, { from: cursor })
void flows.events(Grade, { from: cursor, parameters: { difficulty: "hard" } })
void flows.steps(Grade, { from: cursor })
// @ts-expect-error the parameters are missing
void flows.events(Grade, { message: "hi" })
// @ts-expect-error the parameters are missing
void flows.steps(Grade, {})
// @ts-expect-error not one of the literals
void flows.events(Grade, { parameters: { difficulty: "odd" } })
// @ts-expect-error not one of the literals, cursor or not
void flows.events(Grade, { from: cursor, parameters: { difficulty: "odd" } })
void flows.events("a/b/c", {})

// every option, and none that does not count here
void flows.events("a/b/c", {
  message: "hi",
  parameters: { any: 1 },
  attachments: [],
  blockOverrides: { a: { model: "small" } },
  inputOverrides: { a: "text" },
  runRemaining: true,
  from: cursor,
  heal: Schedule.recurs(3),
  firstByteTimeout: "1 minute",
  idleTimeout: 5000,
  connectTimeout: "5 seconds",
  timeout: "10 minutes",
  version: 3,
  sessionId: "s",
  headers: { "x-a": "b" },
  snapshots: true,
  retry: Schedule.recurs(1),
  maxToolRounds: 3,
  toolConcurrency: 2,
  onToolFailure: "report"
})
// @ts-expect-error a typo
void flows.events("a/b/c", { mesage: "hi" })
// @ts-expect-error 5.4: /step takes no messages
void flows.events("a/b/c", { messages: [] })
// @ts-expect-error 3.2: the draft has no step streams
void flows.events("a/b/c", { version: "draft" })
// @ts-expect-error a stream has no attempts
void flows.events("a/b/c", { attemptTimeout: 1 })
// @ts-expect-error a stream that has begun is never repeated
void flows.events("a/b/c", { retryPost: true })
// @ts-expect-error 7.5: steps runs one step per request
void flows.steps("a/b/c", { runRemaining: true })

// tools by hand: the pause is an event, whose resume gives what follows
const declarations: ReadonlyArray<ToolDeclaration> = []
const manual = flows.events(Grade, { parameters: { difficulty: "easy" }, tools: declarations })
expectTypeOf(manual).toEqualTypeOf<
  Stream.Stream<FlowEvent.FlowEvent<{ readonly score: number }>, CallError, never>
>()
void Stream.map(manual, (event) => {
  if (event.type !== "tool_calls_required") return
  expectTypeOf(event.resume([])).toEqualTypeOf<
    Stream.Stream<FlowEvent.FlowEvent<{ readonly score: number }>, CallError>
  >()
  expectTypeOf(event.cursor).toEqualTypeOf<FlowCursor>()
})
expectTypeOf(flows.steps("a/b/c", { tools: declarations })).toEqualTypeOf<
  Stream.Stream<FlowEvent.StepCompleted, CallError, never>
>()

// tools with a handler: no pause, the handler's errors and requirements
class Orders extends Context.Tag("Orders")<Orders, { readonly find: Effect.Effect<string> }>() {}
class NoSuchOrder extends Data.TaggedError("NoSuchOrder")<{ readonly id: string }> {}
const handled = Tools.handle(declarations, (calls) =>
  Effect.flatMap(Orders, ({ find }) =>
    calls.length === 0
      ? Effect.fail(new NoSuchOrder({ id: "" }))
      : Effect.map(find, (content) => calls.map(({ id }) => ({ toolCallId: id, content })))))
expectTypeOf(flows.events("a/b/c", { tools: handled })).toEqualTypeOf<
  Stream.Stream<FlowEvent.RunEvent<unknown>, CallError | NoSuchOrder | ToolCallLimitError, Orders>
>()
expectTypeOf(flows.steps("a/b/c", { tools: handled })).toEqualTypeOf<
  Stream.Stream<FlowEvent.StepCompleted, CallError | NoSuchOrder | ToolCallLimitError, Orders>
>()

// a wrapper keeps the types
const follow = <A, P>(flow: Flow.Flow<P, A>, input: EventsInput<P>) => flows.events(flow, input)
expectTypeOf(follow(Grade, { parameters: { difficulty: "easy" } })).toEqualTypeOf<
  Stream.Stream<FlowEvent.RunEvent<{ readonly score: number }>, CallError, never>
>()
const followSteps = <A, P>(flow: Flow.Flow<P, A>, input: StepsInput<P>) => flows.steps(flow, input)
expectTypeOf(followSteps(Grade, { from: cursor })).toEqualTypeOf<
  Stream.Stream<FlowEvent.StepCompleted, CallError, never>
>()

// a limit of cost changes no type: its error is one of every call
expectTypeOf(flows.steps("a/b/c", { maxCostUsd: 0.5 })).toEqualTypeOf<
  Stream.Stream<FlowEvent.StepCompleted, CallError, never>
>()
expectTypeOf(flows.events("a/b/c", { maxCostUsd: "0.5", tools: declarations })).toEqualTypeOf<
  Stream.Stream<FlowEvent.FlowEvent<unknown>, CallError, never>
>()
