/**
 * Reads the records of runs: traces, steps, summaries, lists.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { FlowRef } from "./Flow.js"
import type { FlowEvent } from "./FlowEvent.js"
import type { TimedReadOptions } from "./internal/options/callOptions.js"
import { liveTrace, type LiveTraceOptions } from "./internal/run/liveTrace.js"
import * as RunRead from "./internal/run/runRead.js"
import type { CallError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"
import type { FlowRun, RunCost, Trace } from "./Trace.js"

export type { TimedReadOptions } from "./internal/options/callOptions.js"
export type { LiveTraceOptions } from "./internal/run/liveTrace.js"
export type { Attempt, ListOptions, StepTraceOf, StepTraceOptions } from "./internal/run/runRead.js"

/**
 * The types of {@link RunService}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace RunService {
  /**
   * The operations that read runs.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * A run and all its steps. An unknown run is a `FlowNotFoundError`; a key that may not read traces is an
     * `AuthenticationError` or `PermissionDeniedError`.
     *
     * @example
     * ```ts
     * import { RunService } from "@effect-noukai/sdk"
     * import * as Waterfall from "@effect-noukai/report/Waterfall"
     * import { Effect } from "effect"
     *
     * const picture = (executionId: string) =>
     *   Effect.gen(function*() {
     *     const runs = yield* RunService
     *     return Waterfall.toText(yield* runs.trace("acme/spelling/grade-3", executionId))
     *   })
     * ```
     */
    readonly trace: (
      flow: FlowRef<never>,
      executionId: string,
      options?: TimedReadOptions
    ) => Effect.Effect<Trace, CallError>

    /**
     * One step of a run: its latest attempt, a given one, or with `attempt: "all"` every one. A run, step or attempt
     * that does not exist is a `FlowNotFoundError`.
     *
     * @example
     * ```ts
     * import { RunService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const attempts = (executionId: string) =>
     *   Effect.gen(function*() {
     *     const runs = yield* RunService
     *     const step = yield* runs.stepTrace("acme/spelling/grade-3", executionId, "grade", { attempt: "all" })
     *     return step.attempts.map(({ status }) => status)
     *   })
     * ```
     */
    readonly stepTrace: <At extends RunRead.Attempt = "latest">(
      flow: FlowRef<never>,
      executionId: string,
      stepId: string,
      options?: RunRead.StepTraceOptions<At>
    ) => Effect.Effect<RunRead.StepTraceOf<At>, CallError>

    /**
     * The events of a run, past and future, up to its end: `flow_completed` or `step_error` is the last one. Watching
     * changes nothing, and any run can be watched: executed, stepped through, or queued.
     *
     * A stream that is cut before the end fails with `APIConnectionError`; running it again begins from the first
     * event, and costs nothing. `heal` does so, and gives each event once. Events have a `cursor`, with the
     * `version` of the options since no event says it. `resume` answers a pause for tool calls by hand, and gives the
     * events that follow. If the program that runs the flow answers the pause too, both may pay for the steps after it.
     *
     * @example
     * ```ts
     * import { RunService } from "@effect-noukai/sdk"
     * import { Effect, Stream } from "effect"
     *
     * const watch = (executionId: string) =>
     *   Stream.unwrap(Effect.map(RunService, (runs) => runs.liveTrace("acme/spelling/grade-3", executionId)))
     * ```
     */
    readonly liveTrace: <A = unknown>(
      flow: FlowRef<never, A>,
      executionId: string,
      options?: LiveTraceOptions
    ) => Stream.Stream<FlowEvent<A>, CallError>

    /**
     * The cost, tokens and times of a run, added up from its trace: one read. `unknownCosts` counts
     * the costs that are not known and not in it: see `Trace.Amounts`. A trace without steps has one. An unknown run is a `FlowNotFoundError`; a key that may not read traces is an `AuthenticationError` or
     * `PermissionDeniedError`.
     *
     * @example
     * ```ts
     * import { FlowService, RunService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const graded = Effect.gen(function*() {
     *   const flows = yield* FlowService
     *   const runs = yield* RunService
     *   const { executionId = "", result } = yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
     *   const { costUsd } = yield* runs.cost("acme/spelling/grade-3", executionId)
     *   return { result, costUsd }
     * })
     * ```
     */
    readonly cost: (
      flow: FlowRef<never>,
      executionId: string,
      options?: TimedReadOptions
    ) => Effect.Effect<RunCost, CallError>

    /**
     * A run as a whole, without its steps. An unknown run is a `FlowNotFoundError`.
     *
     * @example
     * ```ts
     * import { RunService } from "@effect-noukai/sdk"
     * import { Effect } from "effect"
     *
     * const status = (executionId: string) =>
     *   Effect.gen(function*() {
     *     const runs = yield* RunService
     *     return (yield* runs.summary("acme/spelling/grade-3", executionId)).status
     *   })
     * ```
     */
    readonly summary: (
      flow: FlowRef<never>,
      executionId: string,
      options?: TimedReadOptions
    ) => Effect.Effect<FlowRun, CallError>

    /**
     * The runs of a flow, newest first, to the end of the list: a page is read when its runs are pulled. Runs that begin
     * meanwhile are not among them, and none is given twice.
     *
     * The flow is named by the server's `flowId`, which results, jobs, traces and sessions contain; the server does not
     * list runs by address. A `limit` that is out of range is an `InvalidRequestError`. A server that ignores the cursor,
     * as the hosted one does, lists the newest 100; the stream then fails with an `UnexpectedResponseError` if there may be
     * more.
     *
     * @example
     * ```ts
     * import { RunService } from "@effect-noukai/sdk"
     * import { Effect, Stream } from "effect"
     *
     * const lastFailed = Effect.gen(function*() {
     *   const runs = yield* RunService
     *   return yield* Stream.runCollect(Stream.take(runs.list({ flowId: "fl_31c9", status: "failed", limit: 10 }), 10))
     * })
     * ```
     */
    readonly list: (options: RunRead.ListOptions) => Stream.Stream<FlowRun, CallError>
  }
}

/**
 * Reads the steps and costs of runs, and watches those that go on.
 *
 * @since 0.1.0
 * @category tags
 */
export class RunService extends Context.Tag("@effect-noukai/sdk/RunService")<RunService, RunService.Service>() {}

/**
 * Makes the service over `NoukaiHttp`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<RunService.Service, never, NoukaiHttp> = Effect.map(NoukaiHttp, (http) => ({
  trace: RunRead.trace(http),
  stepTrace: RunRead.stepTrace(http) as RunService.Service["stepTrace"],
  liveTrace: liveTrace(http) as RunService.Service["liveTrace"],
  cost: RunRead.cost(http),
  summary: RunRead.summary(http),
  list: RunRead.list(http)
}))

/**
 * The service over {@link NoukaiHttp}: live, in a replay, or scripted by a test.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<RunService, never, NoukaiHttp> = Layer.effect(RunService, make)
