// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/** The functions of a runtime over a client. */
import { ReplayCassette } from "@effect-noukai/sdk/Cassette"
import type * as Execution from "@effect-noukai/sdk/Execution"
import type { AnyParameters } from "@effect-noukai/sdk/Flow"
import type { PausedState as SdkState } from "@effect-noukai/sdk/FlowCursor"
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import { FlowService } from "@effect-noukai/sdk/FlowService"
import type * as SdkJob from "@effect-noukai/sdk/Job"
import { JobService } from "@effect-noukai/sdk/JobService"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as NoukaiRecord from "@effect-noukai/sdk/NoukaiRecord"
import { type Attempt, RunService, type StepTraceOptions } from "@effect-noukai/sdk/RunService"
import * as SessionService from "@effect-noukai/sdk/SessionService"
import type { ToolResult } from "@effect-noukai/sdk/Tools"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Budget } from "../../Budget.js"
import type {
  CallContext,
  OpenScope,
  Runtime,
  RuntimeEvent,
  RuntimeJob,
  RuntimeRun,
  RuntimeToolResult
} from "../../RuntimeModels.js"
import type { Client } from "../client/client.js"
import type { Services } from "../client/lifetime.js"
import { withGate } from "../scope/replayGate.js"
import { EventIterator } from "../stream/eventIterator.js"
import type { StreamToRead } from "../stream/streamReader.js"
import type { ToolsInput } from "../tools/toolHandling.js"
import { costOf, runOf, stepTraceOf, traceOf } from "../traces/traces.js"
import { runtimeError } from "./runtimeError.js"
import { type Hook, sdkInput } from "./runtimeInput.js"
import { openScope, scopeOf } from "./runtimeScope.js"
import { spansOf } from "./runtimeTracer.js"

/** The services of a runtime, and the recordings that some sources have. */
export type Opened = Services | ReplayCassette | NoukaiRecord.Recording

type SdkRun = Execution.ExecuteResult | Execution.PausedResult

/** The SDK checks the results and states that it is given. */
const resultsOf = (results: ReadonlyArray<RuntimeToolResult>) => results as ReadonlyArray<ToolResult>

const plainly = async <A>(promise: Promise<A>): Promise<A> => {
  try {
    return await promise
  } catch (error) {
    throw runtimeError(error)
  }
}

/** Returns an object with the same properties, lazy and hidden ones too, except `resume`. */
const withResume = <A extends object, R>(self: A, resume: R): Omit<A, "resume"> & { readonly resume: R } =>
  Object.create(Object.getPrototypeOf(self), {
    ...Object.getOwnPropertyDescriptors(self),
    resume: { value: resume, enumerable: false }
  })

const clientAt = (client: Client, { budgets = [], scope, tracer }: CallContext): Client =>
  client.pin(scopeOf(scope), budgets.map((budget) => Budget.ledgerOf(budget)), spansOf(tracer))

/** The calls of one client. */
class Calls {
  constructor(private readonly client: Client) {}

  run<A>(effect: Effect.Effect<A, unknown, Services>, call: CallContext = {}): Promise<A> {
    return plainly(clientAt(this.client, call).run(effect, call.signal))
  }

  async executed(effect: Effect.Effect<SdkRun, unknown, Services>, call?: CallContext): Promise<RuntimeRun> {
    const run = await this.run(effect, call)
    return run.status === "completed"
      ? run
      : withResume(
        run,
        (results: ReadonlyArray<RuntimeToolResult>, call?: CallContext) =>
          this.executed(Effect.suspend(() => run.resume(resultsOf(results))), call)
      )
  }

  /** Reads a stream. It has the scope in which its reading begins. */
  read<E, A>(
    stream: StreamToRead<E>,
    call: CallContext = {},
    translate: (event: E) => A
  ): AsyncIterableIterator<A, undefined> {
    let reading: EventIterator<E, A> | undefined
    const begun = () =>
      reading ??= new EventIterator(
        clientAt(this.client, call),
        "events",
        () => ({ input: stream, signal: call.signal }),
        translate
      )
    return {
      next: () => plainly(begun().next()),
      return: () => begun().return(),
      [Symbol.asyncIterator]() {
        return this
      }
    }
  }

  private readonly event = (event: FlowEvent): RuntimeEvent =>
    event.type !== "tool_calls_required"
      ? event
      : withResume(event, (results: ReadonlyArray<RuntimeToolResult>, call?: CallContext) =>
        this.events(
          Effect.sync(() => event.resume(resultsOf(results))),
          call
        ))

  events(stream: StreamToRead<FlowEvent>, call?: CallContext): AsyncIterable<RuntimeEvent> {
    return this.read(stream, call, this.event)
  }

  async job(
    submitted: Effect.Effect<SdkJob.Job | SdkJob.OnceJob, unknown, Services>,
    call?: CallContext
  ): Promise<RuntimeJob> {
    const { poll, result, updates, wait, ...facts } = await this.run(submitted, call)
    return {
      ...facts,
      poll: (input, call) => this.run(poll(sdkInput(input)), call),
      wait: (input, call) => this.run(wait(sdkInput(input)), call),
      result: (input, call) => this.run(result(sdkInput(input)), call),
      updates: (call) => this.read(Effect.succeed(updates), call, (status) => status)
    }
  }

  scope(
    opening: Effect.Effect<TraceScope.Opened, unknown, NoukaiHttp | Scope.Scope>,
    call: CallContext = {}
  ): Promise<OpenScope> {
    return openScope(opening, (effect) => this.run(effect, call))
  }
}

type Flows = FlowService.Service

type Jobs = JobService.Service

type Runs = RunService.Service

type ExecuteInput = Execution.ExecuteInput<AnyParameters, ToolsInput, Hook>

type EventsInput = Execution.EventsInput<AnyParameters, ToolsInput>

/** Returns the functions of a runtime over a client. */
export const runtimeOver = (
  client: Client,
  /** Runs an effect of the cassette, in no scope. */
  run: <A>(effect: Effect.Effect<A, unknown, Opened>) => Promise<A>
): Runtime => {
  const calls = new Calls(client)
  const executed = (f: (flows: Flows) => Effect.Effect<SdkRun, unknown>, call?: CallContext) =>
    calls.executed(Effect.flatMap(FlowService, f), call)
  const events = (f: (flows: Flows) => Stream.Stream<FlowEvent, unknown>, call?: CallContext) =>
    calls.events(Effect.map(FlowService, f), call)
  const job = (f: (jobs: Jobs) => Effect.Effect<SdkJob.Job, unknown>, call?: CallContext) =>
    calls.job(Effect.flatMap(JobService, f), call)
  const read = <A>(f: (runs: Runs) => Effect.Effect<A, unknown>, call?: CallContext) =>
    calls.run(Effect.flatMap(RunService, f), call)
  return {
    execute: (flow, input, call) => executed((flows) => flows.execute(flow, sdkInput<ExecuteInput>(input)), call),
    executeOnce: (key, flow, input, call) =>
      executed((flows) => flows.executeOnce(key, flow, sdkInput<Omit<ExecuteInput, "sessionId">>(input)), call),
    resume: (flow, state, results, input, call) =>
      executed(
        (flows) => flows.resume(flow, state as SdkState, resultsOf(results), sdkInput<ExecuteInput>(input)),
        call
      ),
    events: (flow, input, call) => events((flows) => flows.events(flow, sdkInput<EventsInput>(input)), call),
    eventsOnce: (key, flow, input, call) =>
      events((flows) => flows.eventsOnce(key, flow, sdkInput<Omit<EventsInput, "from" | "sessionId">>(input)), call),
    steps: (flow, input, call) => events((flows) => flows.steps(flow, sdkInput<EventsInput>(input)), call),
    submit: (flow, input, call) => job((jobs) => jobs.submit(flow, sdkInput(input)), call),
    submitOnce: (key, flow, input, call) => job((jobs) => jobs.submitOnce(key, flow, sdkInput(input)), call),
    attach: (flow, id, input, call) => job((jobs) => jobs.attach(flow, id, sdkInput(input)), call),
    trace: (flow, id, input, call) => read((runs) => Effect.map(runs.trace(flow, id, sdkInput(input)), traceOf), call),
    stepTrace: (stepId, flow, id, input, call) =>
      read(
        (runs) => Effect.map(runs.stepTrace(flow, id, stepId, sdkInput<StepTraceOptions<Attempt>>(input)), stepTraceOf),
        call
      ),
    liveTrace: (flow, id, input, call) =>
      calls.events(Effect.map(RunService, (runs) => runs.liveTrace(flow, id, sdkInput(input))), call),
    cost: (flow, id, input, call) => read((runs) => Effect.map(runs.cost(flow, id, sdkInput(input)), costOf), call),
    summary: (flow, id, input, call) =>
      read((runs) => Effect.map(runs.summary(flow, id, sdkInput(input)), runOf), call),
    list: (input, call) => calls.read(Effect.map(RunService, (runs) => runs.list(sdkInput(input))), call, runOf),
    session: (id, input, call) =>
      calls.run(Effect.flatMap(SessionService.make, ({ get }) => get(id, sdkInput(input))), call),
    openReplay: (id, call) => calls.scope(withGate(client.defaults.replayEnabled, TraceScope.open(id)), call),
    openCapture: (call) => calls.scope(TraceScope.open(), call),
    verify: () => plainly(run(Effect.flatMap(ReplayCassette, ({ verify }) => verify))),
    save: () => plainly(run(NoukaiRecord.save)),
    close: () => client.lifetime.close()
  }
}
