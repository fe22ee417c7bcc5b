/**
 * Reads runs.
 *
 * @since 0.1.0
 */
import type { RunCost, RunSummary, StepAttempts, StepTrace, Trace } from "@effect-noukai/promise/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { ReadOptions, StreamOptions } from "./Execution.js"
import type { FlowRef } from "./Flow.js"
import type { FlowEvent } from "./FlowEvent.js"
import { eventsOf } from "./FlowService.js"
import { call, type Open, stream } from "./internal/call.js"
import { refOf } from "./internal/codec.js"
import { failures } from "./internal/failures.js"
import { inputOf } from "./internal/input.js"
import type { CallError } from "./NoukaiError.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"

/**
 * The options of listing runs.
 *
 * @since 0.1.0
 * @category options
 */
export interface ListOptions extends ReadOptions {
  /** The server's id of the flow: `flowId` of a result, a job or a trace. */
  readonly flowId: string
  /** The number of runs of a page, 1 to 100. Default: the server's, 20. */
  readonly limit?: number | undefined
  /** Default: any. */
  readonly status?: "running" | "completed" | "failed" | "cancelled" | undefined
}

/**
 * @since 0.1.0
 */
export declare namespace RunService {
  /**
   * The reads of runs.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Reads a run and all its steps. */
    readonly trace: (
      flow: FlowRef<never, unknown, unknown>,
      executionId: string,
      options?: ReadOptions
    ) => Effect.Effect<Trace, CallError>

    /** Reads one step: its latest attempt, a given attempt, or all with `attempt: "all"`. */
    readonly stepTrace: <const At extends "latest" | "all" | number = "latest">(
      flow: FlowRef<never, unknown, unknown>,
      executionId: string,
      stepId: string,
      options?: ReadOptions & { readonly attempt?: At | undefined; readonly loopIndex?: number | undefined }
    ) => Effect.Effect<At extends "all" ? StepAttempts : StepTrace, CallError>

    /** Emits the past and future events of a run, up to its end. */
    readonly liveTrace: <A = unknown, S = never>(
      flow: FlowRef<never, A, S>,
      executionId: string,
      options?: Pick<StreamOptions, "firstByteTimeout" | "idleTimeout" | "heal" | "version" | "snapshots">
    ) => Stream.Stream<FlowEvent<A, S>, CallError, S>

    /** Adds up the cost, the tokens and the time of a run. */
    readonly cost: (
      flow: FlowRef<never, unknown, unknown>,
      executionId: string,
      options?: ReadOptions
    ) => Effect.Effect<RunCost, CallError>

    /** Reads a run as a whole. */
    readonly summary: (
      flow: FlowRef<never, unknown, unknown>,
      executionId: string,
      options?: ReadOptions
    ) => Effect.Effect<RunSummary, CallError>

    /** Emits the runs of a flow, the newest first. */
    readonly list: (options: ListOptions) => Stream.Stream<RunSummary, CallError>
  }
}

/**
 * The service that reads runs.
 *
 * @since 0.1.0
 * @category tags
 */
export class RunService extends Context.Service<RunService, RunService.Service>()(
  "@effect-noukai/effect4/RunService"
) {}

type AnyRef = FlowRef<never, unknown, unknown>

/**
 * Makes the service over a connection.
 *
 * @internal
 */
export const make = ({ runtime }: NoukaiHttp.Service): RunService.Service => {
  const read = <A>(operation: "trace" | "cost" | "summary") => (flow: AnyRef, id: string, options: object = {}) =>
    call<A, CallError>(failures.call, (context, code) =>
      // the operation has this result
      runtime[operation](refOf(flow), id, inputOf(options, code), context) as Promise<A>)
  const stepTrace = (flow: AnyRef, id: string, stepId: string, options: object = {}) =>
    call<StepTrace | StepAttempts, CallError>(
      failures.call,
      (context, code) => runtime.stepTrace(stepId, refOf(flow), id, inputOf(options, code), context)
    )
  const liveTrace = (flow: AnyRef, id: string, options: object = {}) =>
    eventsOf(
      failures.call,
      "RunService.liveTrace",
      flow,
      Effect.succeed((context, code) => runtime.liveTrace(refOf(flow), id, inputOf(options, code), context))
    )
  return {
    trace: read<Trace>("trace"),
    stepTrace: stepTrace as RunService.Service["stepTrace"],
    liveTrace: liveTrace as RunService.Service["liveTrace"],
    cost: read<RunCost>("cost"),
    summary: read<RunSummary>("summary"),
    list: (options) =>
      stream(
        failures.call,
        Effect.succeed<Open<RunSummary, never>>((context, code) => runtime.list(inputOf(options, code), context)),
        Effect.succeed
      )
  }
}
