/**
 * Runs flows: `execute` to their end, `events` and `steps` as they go.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Execution from "./Execution.js"
import { type AnyParameters, type FlowRef, type FlowVersion, resolve } from "./Flow.js"
import type { PausedState } from "./FlowCursor.js"
import type { RunEvent, StepCompleted, ToolCallsRequired } from "./FlowEvent.js"
import { invalid } from "./internal/core/makeError.js"
import { fakeHttp } from "./internal/operations/fake.js"
import type { ExecuteBody } from "./internal/operations/requests.js"
import { eventsOnce } from "./internal/run/eventsOnce.js"
import type { MoreEndpoints } from "./internal/run/executeRun.js"
import * as FlowEvents from "./internal/run/flowEvents.js"
import * as FlowExecute from "./internal/run/flowExecute.js"
import * as OnceSession from "./internal/run/keyedRun.js"
import type { CallError, InvalidRequestError, OnceError } from "./NoukaiError.js"
import { make as makeHttp, NoukaiHttp } from "./NoukaiHttp.js"
import type * as Tools from "./Tools.js"
import type { ToolResult } from "./Tools.js"

/**
 * The types of {@link FlowService}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace FlowService {
  /**
   * The operations on a flow.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Runs a flow and waits for its end.
     *
     * A run that failed is a `FlowExecutionError`. Without tools a run cannot pause; with tools declared by hand it may
     * end in a `PausedResult`; with a handler every pause is answered, and the handler's errors and requirements are
     * added. A failure with `sent: "unknown"` may have started a run, so it is never repeated unless `retryPost` is
     * set. A 429 that shows no run began is retried, like a read. `onPause` receives each pause before it is answered, and
     * adds its errors and requirements.
     *
     * With `maxCostUsd` the run is requested one step at a time and stopped between steps with a `CostLimitError` once
     * it has cost more. One step may exceed the limit.
     *
     * @example
     * ```ts
     * import { FlowService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const program = Effect.gen(function*() {
     *   const flows = yield* FlowService
     *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
     * })
     * ```
     */
    readonly execute: <
      A = unknown,
      P = AnyParameters,
      T extends Tools.Tools | undefined = undefined,
      X extends Effect.Effect<void, unknown, unknown> = Effect.Effect<void>
    >(
      flow: FlowRef<P, A>,
      input: Execution.ExecuteInput<NoInfer<P>, T, X>
    ) => Effect.Effect<
      Execution.ExecuteResult<A> | Tools.PauseOf<Execution.PausedResult<A>, T>,
      CallError | Tools.HandlerError<T> | Effect.Effect.Error<X>,
      Tools.HandlerContext<T> | Effect.Effect.Context<X>
    >

    /**
     * Runs a flow once per key, across crashes and processes, as long as the server keeps its sessions. The key names
     * the run among all of this flow and version, so it must name the input too: the same key with another input gives
     * the old result.
     *
     * The session of the run is made of the key and looked up before anything is sent. A run that is found is not run again.
     * If it completed, its result is returned (`reused: true`). Fails with the `FlowExecutionError` of a failed run, unless
     * `rerunFailed` runs it again; with a `RunInProgressError` for a run that has not ended, unless `takeOver` follows it; with
     * a `ResultNotStoredError` without a readable result; and with an `AmbiguousRunError` for two runs. A failure of the
     * look-up itself fails the call before anything is sent.
     *
     * Calls of one key in one process at one time run once. Two processes that begin a key at the same moment can both
     * find nothing and both run. After a failure with `sent: "unknown"` call again with the same key: with `settle`, if
     * the server's list of runs lags.
     *
     * In a replay this is `execute`, and nothing is looked up.
     *
     * @example
     * ```ts
     * import { FlowService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const grade = (row: { readonly id: string; readonly text: string }) =>
     *   Effect.gen(function*() {
     *     const flows = yield* FlowService
     *     const done = yield* flows.executeOnce(`grades-${row.id}`, "acme/spelling/grade-3", { message: row.text })
     *     return done.result
     *   })
     * ```
     */
    readonly executeOnce: <
      A = unknown,
      P = AnyParameters,
      T extends Tools.Tools | undefined = undefined,
      X extends Effect.Effect<void, unknown, unknown> = Effect.Effect<void>
    >(
      key: string,
      flow: FlowRef<P, A>,
      input: Execution.ExecuteOnceInput<NoInfer<P>, T, X>
    ) => Effect.Effect<
      Execution.OnceResult<A> | Tools.PauseOf<Execution.OncePausedResult<A>, T>,
      CallError | OnceError | Tools.HandlerError<T> | Effect.Effect.Error<X>,
      Tools.HandlerContext<T> | Effect.Effect.Context<X>
    >

    /**
     * Answers a pause from its stored state, in another process if need be, with exactly one result per call of
     * `state.toolCalls`. Other results, and a state of another flow, are an `InvalidRequestError` before anything is
     * sent. Without `tools` the run may pause again, to be answered by hand as before.
     *
     * A pause that was answered before, by a process that died or a request whose response was lost, is refused by the
     * server. Then the events of the run are read, and the call goes on from where the run is now: its end or a later
     * pause. Where they cannot be read, the refusal is the `FlowExecutionError` of the call (`EXECUTION_ID_INVALID`,
     * `PAUSED_STEP_INVALID` or `TOOL_RESULTS_MISMATCH`).
     *
     * @example
     * ```ts
     * import type { PausedState } from "@effect-noukai/sdk"
     * import { FlowService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const answer = (state: PausedState, content: string) =>
     *   Effect.gen(function*() {
     *     const flows = yield* FlowService
     *     return yield* flows.resume(state.flow, state, state.toolCalls.map(({ id }) => ({ toolCallId: id, content })))
     *   })
     * ```
     */
    readonly resume: <
      A = unknown,
      P = AnyParameters,
      T extends Tools.Tools | undefined = undefined,
      X extends Effect.Effect<void, unknown, unknown> = Effect.Effect<void>
    >(
      flow: FlowRef<P, A>,
      state: PausedState,
      results: ReadonlyArray<ToolResult>,
      input?: Execution.ResumeInput<T, X>
    ) => Effect.Effect<
      | Execution.ExecuteResult<A>
      | Tools.PauseOf<Execution.PausedResult<A>, T>
      | (undefined extends T ? Execution.PausedResult<A> : never),
      CallError | Tools.HandlerError<T> | Effect.Effect.Error<X>,
      Tools.HandlerContext<T> | Effect.Effect.Context<X>
    >

    /**
     * Runs a flow step by step and gives every event as it arrives.
     *
     * The stream ends after `flow_completed` or `step_error` (in the replay of a session, after both), and, with tools
     * declared by hand, after `tool_calls_required`, whose `resume` gives the stream that follows. Any other end is a
     * failure with the `cursor` to go on from; with `heal` the stream goes on by itself. Leaving the stream closes its
     * socket.
     *
     * @example
     * ```ts
     * import { FlowService } from "@effect-noukai/sdk"
     * import { Console, Effect, Stream } from "effect"
     *
     * const watch = Effect.gen(function*() {
     *   const flows = yield* FlowService
     *   yield* Stream.runForEach(
     *     flows.events("acme/spelling/grade-3", { message: "The cat sat." }),
     *     (event) => Console.log(event.type)
     *   )
     * })
     * ```
     */
    readonly events: <
      A = unknown,
      P = AnyParameters,
      T extends Tools.Tools | undefined = undefined
    >(
      flow: FlowRef<P, A>,
      input: Execution.EventsInput<NoInfer<P>, T>
    ) => Stream.Stream<
      RunEvent<A> | Tools.PauseOf<ToolCallsRequired<A>, T>,
      CallError | Tools.HandlerError<T>,
      Tools.HandlerContext<T>
    >

    /**
     * Streams the events of the run of a key, from its first event on. Begins the run, or follows the run that another
     * call of the key began, in this process or another: one run per key, as `executeOnce` with the same key, flow and
     * input.
     *
     * A run that another call began is only read, which costs nothing. If it is silent for `silence`, the stream fails with a
     * `RunInProgressError`, whose `cursor` is the place of the run. With `takeOver` it goes on with the run itself: the
     * step that had not completed runs again, and may be billed a second time. Two calls that take over at the same time
     * each pay for each step that is left, once. Pauses that another call answers are left out; with tools declared by
     * hand, the stream ends at a pause that is open, as it does in `events`. It needs a key that may read the events of
     * runs: otherwise it fails with the refusal.
     *
     * The key is looked up as by `executeOnce`, with the same failures and the same guarantees. In a replay of a session
     * this is `events`.
     *
     * @example
     * ```ts
     * import { FlowService } from "@effect-noukai/sdk"
     * import { Console, Effect, Stream } from "effect"
     *
     * const watch = (id: string, message: string) =>
     *   Effect.gen(function*() {
     *     const flows = yield* FlowService
     *     const events = flows.eventsOnce(`answers-${id}`, "acme/support/triage", { message })
     *     yield* Stream.runForEach(events, (event) => Console.log(event.type))
     *   })
     * ```
     */
    readonly eventsOnce: <
      A = unknown,
      P = AnyParameters,
      T extends Tools.Tools | undefined = undefined
    >(
      key: string,
      flow: FlowRef<P, A>,
      input: Execution.EventsOnceInput<NoInfer<P>, T>
    ) => Stream.Stream<
      RunEvent<A> | Tools.PauseOf<ToolCallsRequired<A>, T>,
      CallError | OnceError | Tools.HandlerError<T>,
      Tools.HandlerContext<T>
    >

    /**
     * Gives the completed steps of a run that is streamed as by `events`. A failed step is a `FlowExecutionError`, a
     * pause for tool calls that no handler answers an `UnexpectedResponseError`.
     *
     * @example
     * ```ts
     * import { FlowService } from "@effect-noukai/sdk"
     * import { Effect, Stream } from "effect"
     *
     * const outputs = Effect.gen(function*() {
     *   const flows = yield* FlowService
     *   const steps = flows.steps("acme/spelling/grade-3", { message: "The cat sat." })
     *   return yield* Stream.runCollect(Stream.map(steps, (step) => step.output))
     * })
     * ```
     */
    readonly steps: <
      A = unknown,
      P = AnyParameters,
      T extends Tools.Tools | undefined = undefined
    >(
      flow: FlowRef<P, A>,
      input: Execution.StepsInput<NoInfer<P>, T>
    ) => Stream.Stream<StepCompleted, CallError | Tools.HandlerError<T>, Tools.HandlerContext<T>>
  }
}

/**
 * Runs flows: to their end, or event by event.
 *
 * @since 0.1.0
 * @category tags
 */
export class FlowService extends Context.Tag("@effect-noukai/sdk/FlowService")<FlowService, FlowService.Service>() {}

const over = (
  http: NoukaiHttp.Service,
  more: MoreEndpoints | undefined,
  streams: Pick<FlowService.Service, "events" | "eventsOnce" | "steps">
): FlowService.Service => ({
  // the keys are those that are made, so that the compiler asks for a method that is not
  ...FlowExecute.make(http, more) as Pick<FlowService.Service, keyof ReturnType<typeof FlowExecute.make>>,
  ...streams
})

/**
 * Makes the service over `NoukaiHttp`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<FlowService.Service, never, NoukaiHttp> = Effect.map(
  NoukaiHttp,
  (http) =>
    over(http, FlowEvents.moreEndpoints, {
      events: FlowEvents.stream(http, "events") as FlowService.Service["events"],
      eventsOnce: eventsOnce(http) as FlowService.Service["eventsOnce"],
      steps: FlowEvents.stream(http, "steps") as FlowService.Service["steps"]
    })
)

/**
 * Makes the service over `NoukaiHttp`, without the code of streams: `events`, `eventsOnce` and `steps` fail with the given
 * `InvalidRequestError`.
 *
 * @internal
 */
export const makeWithoutStreams = (
  field: string,
  reason: string
): Effect.Effect<FlowService.Service, never, NoukaiHttp> => {
  const refused = (method: string) => () => Stream.fail(invalid(`FlowService.${method}`, field, reason))
  const streams = { events: refused("events"), eventsOnce: refused("eventsOnce"), steps: refused("steps") }
  return Effect.map(NoukaiHttp, (http) => over(http, undefined, streams))
}

/**
 * The service over {@link NoukaiHttp}: live, in a replay, or scripted by a test.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<FlowService, never, NoukaiHttp> = Layer.effect(FlowService, make)

/**
 * Returns the session in which `executeOnce` and `submitOnce` run a key first: a UUID, the same in every process. Read it with
 * `SessionService.get` to look a run up without starting one. `flow` has its organisation and project; `version` is
 * `"production"` by default.
 *
 * Fails with `InvalidRequestError` for a wrong address, for a key of more than 65,536 characters, or where the platform has no `crypto.subtle`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const onceSession = (
  key: string,
  flow: FlowRef<never>,
  version: FlowVersion = "production"
): Effect.Effect<string, InvalidRequestError> =>
  Effect.flatMap(
    resolve(flow),
    (flow) => OnceSession.onceSession({ method: "FlowService.onceSession", flow, version, key }, 1)
  )

/**
 * A fake in one line: `f` takes the slug (the last segment of the address) and the input that would have been sent, and
 * returns the result, which the flow's schema decodes as it does a real one. The `NoukaiHttp` of the fake runs flows
 * alone: it is for middleware, such as `Platform.trace` and `Platform.relay` of the adapters.
 *
 * @example
 * ```ts
 * import { layerTest } from "@effect-noukai/sdk/FlowService"
 * import { Effect } from "effect"
 *
 * const fake = layerTest((slug) => Effect.succeed({ text: `from ${slug}` }))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTest = (
  f: (slug: string, input: ExecuteBody) => Effect.Effect<unknown, CallError>
): Layer.Layer<FlowService | NoukaiHttp> =>
  Layer.provideMerge(Layer.fresh(layer), Layer.sync(NoukaiHttp, () => makeHttp(fakeHttp(f))))
