// tools, hooks and schemas of the caller have any errors and services; the public types derive them
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Runs flows.
 *
 * @since 0.1.0
 */
import type {
  CallContext,
  OfFlow,
  PausedState,
  RuntimeEvent,
  RuntimeInput,
  RuntimeRun
} from "@effect-noukai/promise/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Execution from "./Execution.js"
import type { AnyParameters, FlowRef } from "./Flow.js"
import type { FlowEvent, RunEvent, StepCompleted, ToolCallsRequired } from "./FlowEvent.js"
import { call, type Open, stream } from "./internal/call.js"
import { encoded, refOf, withFields, withResult } from "./internal/codec.js"
import { type Failures, failures } from "./internal/failures.js"
import { inputOf } from "./internal/input.js"
import type { CallError, OnceError } from "./NoukaiError.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"
import type * as Tools from "./Tools.js"

/**
 * @since 0.1.0
 */
export declare namespace FlowService {
  /**
   * The operations on flows. Their errors and services are those of the tools, of the hook and of the schemas too.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Runs a flow and waits for its end. A run that failed is a `FlowExecutionError`. */
    readonly execute: <
      A = unknown,
      P = AnyParameters,
      S = never,
      T extends Tools.Tools | undefined = undefined,
      EX = never,
      RX = never
    >(
      flow: FlowRef<P, A, S>,
      input: Execution.ExecuteInput<NoInfer<P>, T, Effect.Effect<void, EX, RX>>
    ) => Effect.Effect<
      Execution.ExecuteResult<A> | Tools.PauseOf<Execution.PausedResult<A, S>, T>,
      CallError | Tools.HandlerError<T> | EX,
      S | Tools.HandlerContext<T> | RX
    >

    /** Runs a flow once per key, across crashes and processes, as long as the server keeps its sessions. */
    readonly executeOnce: <
      A = unknown,
      P = AnyParameters,
      S = never,
      T extends Tools.Tools | undefined = undefined,
      EX = never,
      RX = never
    >(
      key: string,
      flow: FlowRef<P, A, S>,
      input: Execution.ExecuteOnceInput<NoInfer<P>, T, Effect.Effect<void, EX, RX>>
    ) => Effect.Effect<
      Execution.OnceResult<A> | Tools.PauseOf<Execution.OncePausedResult<A, S>, T>,
      CallError | OnceError | Tools.HandlerError<T> | EX,
      S | Tools.HandlerContext<T> | RX
    >

    /** Answers a pause from its stored state, in another process if need be. */
    readonly resume: <
      A = unknown,
      P = AnyParameters,
      S = never,
      T extends Tools.Tools | undefined = undefined,
      EX = never,
      RX = never
    >(
      flow: FlowRef<P, A, S>,
      state: PausedState,
      results: ReadonlyArray<Tools.ToolResult>,
      input?: Execution.ResumeInput<T, Effect.Effect<void, EX, RX>>
    ) => Effect.Effect<
      | Execution.ExecuteResult<A>
      | Tools.PauseOf<Execution.PausedResult<A, S>, T>
      | (undefined extends T ? Execution.PausedResult<A, S> : never),
      CallError | Tools.HandlerError<T> | EX,
      S | Tools.HandlerContext<T> | RX
    >

    /** Runs a flow and emits its events. Ending the stream early closes the connection. */
    readonly events: <A = unknown, P = AnyParameters, S = never, T extends Tools.Tools | undefined = undefined>(
      flow: FlowRef<P, A, S>,
      input: Execution.EventsInput<NoInfer<P>, T>
    ) => Stream.Stream<
      RunEvent<A> | Tools.PauseOf<ToolCallsRequired<A, S>, T>,
      CallError | Tools.HandlerError<T>,
      S | Tools.HandlerContext<T>
    >

    /** Runs a flow once per key and emits its events, the past ones too. */
    readonly eventsOnce: <A = unknown, P = AnyParameters, S = never, T extends Tools.Tools | undefined = undefined>(
      key: string,
      flow: FlowRef<P, A, S>,
      input: Execution.EventsOnceInput<NoInfer<P>, T>
    ) => Stream.Stream<
      RunEvent<A> | Tools.PauseOf<ToolCallsRequired<A, S>, T>,
      CallError | OnceError | Tools.HandlerError<T>,
      S | Tools.HandlerContext<T>
    >

    /** Runs a flow and emits each completed step. A failed step is a `FlowExecutionError`. */
    readonly steps: <A = unknown, P = AnyParameters, S = never, T extends Tools.Tools | undefined = undefined>(
      flow: FlowRef<P, A, S>,
      input: Execution.EventsInput<NoInfer<P>, T>
    ) => Stream.Stream<StepCompleted, CallError | Tools.HandlerError<T>, S | Tools.HandlerContext<T>>
  }
}

/**
 * The service that runs flows.
 *
 * @since 0.1.0
 * @category tags
 */
export class FlowService extends Context.Service<FlowService, FlowService.Service>()(
  "@effect-noukai/effect4/FlowService"
) {}

type AnyRef = FlowRef<never, unknown, unknown>

type AnyResults = ReadonlyArray<Tools.ToolResult>

const runOf = <E>(method: string, flow: AnyRef, run: RuntimeRun): Effect.Effect<unknown, E | CallError, unknown> => {
  const { resume } = run
  return resume === undefined
    ? withResult(method, flow, run)
    : Effect.succeed(withFields(run, {
      resume: (results: AnyResults) =>
        Effect.flatMap(
          call<RuntimeRun, CallError>(failures.call, (context) => resume(results, context)),
          (run) => runOf(method, flow, run)
        )
    }))
}

const executed = <E>(
  tags: Failures<E>,
  method: string,
  flow: AnyRef,
  input: object,
  make: (context: CallContext, input: RuntimeInput) => Promise<RuntimeRun>
) =>
  Effect.flatMap(encoded(method, flow, input), (input) =>
    Effect.flatMap(
      call<RuntimeRun, E, unknown>(tags, (context, code) => make(context, inputOf(input, code))),
      (run) => runOf<E>(method, flow, run)
    ))

/** Returns the events of a run, with its result decoded. */
export const eventsOf = <E = CallError>(
  tags: Failures<E | CallError>,
  method: string,
  flow: AnyRef,
  open: Effect.Effect<Open<RuntimeEvent, unknown>, E | CallError, unknown>
): Stream.Stream<FlowEvent<unknown, unknown>, E | CallError, unknown> =>
  stream(tags, open, (event) => eventOf(method, flow, event))

const eventOf = (
  method: string,
  flow: AnyRef,
  event: RuntimeEvent
): Effect.Effect<FlowEvent<unknown, unknown>, CallError, unknown> => {
  const { resume, type } = event
  const translated = type === "flow_completed"
    ? withResult(method, flow, event)
    : Effect.succeed(
      resume === undefined ? event : withFields(event, {
        resume: (results: AnyResults) =>
          eventsOf(
            failures.call,
            method,
            flow,
            Effect.succeed((context) => resume(results, context))
          )
      })
    )
  // the events are those of the SDK
  return translated as Effect.Effect<FlowEvent<unknown, unknown>, CallError, unknown>
}

/**
 * Makes the service over a connection.
 *
 * @internal
 */
export const make = ({ runtime }: NoukaiHttp.Service): FlowService.Service => {
  const streamed = (
    method: string,
    flow: AnyRef,
    input: object,
    open: OfFlow<AsyncIterable<RuntimeEvent>>
  ) =>
    eventsOf(
      failures.tools,
      method,
      flow,
      Effect.map(encoded(method, flow, input), (input): Open<RuntimeEvent, unknown> => (context, code) =>
        open(refOf(flow), inputOf(input, code), context))
    )
  const service = {
    execute: (flow: AnyRef, input: object) =>
      executed(
        failures.tools,
        "FlowService.execute",
        flow,
        input,
        (context, input) => runtime.execute(refOf(flow), input, context)
      ),
    executeOnce: (key: string, flow: AnyRef, input: object) =>
      executed(
        failures.tools,
        "FlowService.executeOnce",
        flow,
        input,
        (context, input) => runtime.executeOnce(key, refOf(flow), input, context)
      ),
    resume: (flow: AnyRef, state: PausedState, results: AnyResults, input: object = {}) =>
      Effect.flatMap(
        call<RuntimeRun, CallError, unknown>(failures.tools, (context, code) =>
          runtime.resume(refOf(flow), state, results, inputOf(input, code), context)),
        (run) =>
          runOf("FlowService.resume", flow, run)
      ),
    events: (flow: AnyRef, input: object) => streamed("FlowService.events", flow, input, runtime.events),
    eventsOnce: (key: string, flow: AnyRef, input: object) =>
      streamed("FlowService.eventsOnce", flow, input, (...call) => runtime.eventsOnce(key, ...call)),
    steps: (flow: AnyRef, input: object) => streamed("FlowService.steps", flow, input, runtime.steps)
  }
  // the schemas, tools and hooks of an input have the types that the interface derives from it
  return service as FlowService.Service
}
