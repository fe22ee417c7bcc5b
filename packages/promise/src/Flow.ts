// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * A flow that is bound to a client.
 *
 * @since 0.1.0
 */
import type { FlowAddress, FlowRef } from "@effect-noukai/sdk/Flow"
import type { PausedState as SdkState } from "@effect-noukai/sdk/FlowCursor"
import { FlowService } from "@effect-noukai/sdk/FlowService"
import { JobService } from "@effect-noukai/sdk/JobService"
import * as Effect from "effect/Effect"
import type { ExecuteResult, OnceResult, PausedResult } from "./ExecuteResult.js"
import type {
  EventsOnceOptions,
  EventsOptions,
  ExecuteAsyncOnceOptions,
  ExecuteAsyncOptions,
  ExecuteOnceOptions,
  ExecuteOptions,
  ResumeOptions,
  StepsOptions
} from "./FlowOptions.js"
import { Client } from "./internal/client/client.js"
import { executeResult, onceResult } from "./internal/execute/executeResult.js"
import {
  checkStreamed,
  eventsInput,
  eventsNames,
  eventsOnceInput,
  eventsOnceNames,
  executeInput,
  executeNames,
  executeOnceInput,
  onceNames,
  resumeInput,
  resumeNames,
  submitInput,
  submitNames,
  submitOnceInput,
  submitOnceNames
} from "./internal/execute/flowInput.js"
import { fieldOf } from "./internal/json.js"
import { takeKnown } from "./internal/options/unknown.js"
import { EventIterator } from "./internal/stream/eventIterator.js"
import { EventTranslator } from "./internal/stream/eventTranslator.js"
import { answerOf } from "./internal/tools/toolResults.js"
import { Job, OnceJob } from "./Job.js"
import { Run } from "./Run.js"
import type { PausedState } from "./StoredRun.js"
import type { StepCompleted, StreamEvent } from "./StreamEvent.js"

/**
 * A flow and its operations, from `noukai.flow(…)`.
 *
 * @since 0.1.0
 * @category models
 */
export class Flow {
  readonly org: string
  readonly project: string
  readonly slug: string
  private readonly client: Client
  private readonly address: FlowAddress
  /** The flow with its schemas, if it has some. */
  private readonly target: FlowRef

  /** @internal */
  constructor(client: Client, address: FlowAddress, target: FlowRef = address) {
    this.client = Client.of(client, "Flow", "noukai.flow(name)")
    this.address = address
    this.target = target
    this.org = address.org
    this.project = address.project
    this.slug = address.slug
  }

  /**
   * Runs the flow and waits for its end. Resolves with a failed run too. Rejects if the request fails. `sent` of an
   * `APIConnectionError` says whether a run may exist and may be billed.
   *
   * @example
   * ```ts
   * import { InsufficientCreditsError, Noukai } from "@effect-noukai/promise"
   *
   * const grade = async (noukai: Noukai, text: string) => {
   *   try {
   *     return await noukai.flow("acme/spelling/grade-3").execute({ message: text, timeout: 60_000 })
   *   } catch (error) {
   *     if (error instanceof InsufficientCreditsError) return undefined
   *     throw error
   *   }
   * }
   * ```
   */
  async execute(options?: ExecuteOptions): Promise<ExecuteResult | PausedResult> {
    const { client } = this
    const operation = "flow.execute"
    const { input, signal } = takeKnown(operation, options, executeNames, executeInput)
    const effect = Effect.flatMap(FlowService, (flows) => flows.execute(this.target, input))
    return await client.run(executeResult(effect, operation, (resumed) => client.run(resumed, signal)), signal)
  }

  /**
   * Runs the flow once per key, across crashes and processes, as long as the server keeps its sessions. Two processes
   * that begin a key at the same moment can both find nothing, and both run. The key identifies a run of this flow and
   * version, so a new input requires a new key.
   *
   * The key is looked up before anything is sent. If a run is found, the call resolves with its result, failed or not
   * (`rerunFailed` runs a failed one again). It rejects with a `RunInProgressError` if the run has not ended
   * (`takeOver` follows it), with a `ResultNotStoredError` if the result cannot be read, and with an
   * `AmbiguousRunError` if there are two runs.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const grade = async (noukai: Noukai, row: { id: string; text: string }) => {
   *   const flow = noukai.flow("acme/spelling/grade-3")
   *   return await flow.executeOnce(`grades-${row.id}`, { message: row.text })
   * }
   * ```
   */
  async executeOnce(key: string, options?: ExecuteOnceOptions): Promise<OnceResult> {
    const { client } = this
    const operation = "flow.executeOnce"
    const { input, signal } = takeKnown(operation, options, onceNames, executeOnceInput)
    const effect = Effect.flatMap(FlowService, (flows) => flows.executeOnce(key, this.target, input))
    return await client.run(onceResult(effect, operation, (resumed) => client.run(resumed, signal)), signal)
  }

  /**
   * Answers a paused run from its stored state, in another process if need be, with one result for each call of
   * `state.toolCalls`. Without `tools` or `toolHandler` the run may pause again.
   *
   * Rejects with an `InvalidRequestError` before anything is sent for other results, and for the state of another flow.
   * If the pause was answered before, the call goes on from where the run is now.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const answer = async (noukai: Noukai, stored: string, content: string) => {
   *   const state = JSON.parse(stored) // what `onPause` has stored
   *   const toolResults = state.toolCalls.map(({ id }: { id: string }) => ({ tool_call_id: id, content }))
   *   return await noukai.flow(state.flow).resume(state, { toolResults })
   * }
   * ```
   */
  async resume(state: PausedState, options: ResumeOptions): Promise<ExecuteResult | PausedResult> {
    const { client } = this
    const operation = "flow.resume"
    const { input: [results, input], signal } = takeKnown(operation, options, resumeNames, (given) => {
      const answer = { toolResults: given.toolResults }
      return [answerOf(operation, answer, String(fieldOf(state, "executionId"))), resumeInput(given)] as const
    })
    // the SDK checks the state
    const effect = Effect.flatMap(FlowService, (flows) => flows.resume(this.target, state as SdkState, results, input))
    return await client.run(executeResult(effect, operation, (resumed) => client.run(resumed, signal)), signal)
  }

  /**
   * Submits a run to the queue once per key and resolves with its handle, or with the handle of the existing job in any
   * state. Keys and processes behave as with {@link executeOnce}.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const grade = async (noukai: Noukai, row: { id: string; text: string }) => {
   *   const flow = noukai.flow("acme/spelling/grade-3")
   *   const job = await flow.submitOnce(`grades-${row.id}`, { message: row.text })
   *   return await job.wait()
   * }
   * ```
   */
  submitOnce(key: string, options?: ExecuteAsyncOnceOptions): Promise<OnceJob> {
    return this.submittedOnce("flow.submitOnce", key, options)
  }

  /** Another name of {@link submitOnce}, beside `executeAsync`. */
  executeAsyncOnce(key: string, options?: ExecuteAsyncOnceOptions): Promise<OnceJob> {
    return this.submittedOnce("flow.executeAsyncOnce", key, options)
  }

  private async submittedOnce(operation: string, key: string, options?: ExecuteAsyncOnceOptions): Promise<OnceJob> {
    const { client } = this
    const { input, signal } = takeKnown(
      operation,
      options,
      submitOnceNames,
      (given) => submitOnceInput(operation, given)
    )
    const effect = Effect.flatMap(JobService, (jobs) => jobs.submitOnce(key, this.target, input))
    return await client.run(Effect.map(effect, (job) => new OnceJob(client, job)), signal)
  }

  /**
   * Submits a run to the queue and resolves with its handle. Rejects with an `InvalidRequestError` before anything is
   * sent for options of `execute` that the queue does not support.
   *
   * @example
   * ```ts
   * import { Noukai } from "@effect-noukai/promise"
   *
   * const grade = async (noukai: Noukai) => {
   *   const job = await noukai.flow("acme/spelling/grade-3").executeAsync({ message: "The cat sat." })
   *   return await job.wait({ timeout: 600_000 })
   * }
   * ```
   */
  async executeAsync(options?: ExecuteAsyncOptions): Promise<Job> {
    const { client } = this
    const operation = "flow.executeAsync"
    const { input, signal } = takeKnown(operation, options, submitNames, (given) => submitInput(operation, given))
    const effect = Effect.flatMap(JobService, (jobs) => jobs.submit(this.target, input))
    return await client.run(Effect.map(effect, (job) => new Job(client, Effect.succeed(job), job)), signal)
  }

  /**
   * Runs the flow step by step and emits each completed step. Rejects if a step fails, or if the run pauses for tool
   * calls without a `toolHandler`. Throws an `InvalidRequestError` at the call for the draft or a wrong version.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const outputs = async (noukai: Noukai) => {
   *   const steps = noukai.flow("acme/spelling/grade-3").steps({ message: "The cat sat." })
   *   for await (const step of steps) console.log(step.stepId, step.output)
   * }
   * ```
   */
  steps(options?: StepsOptions): AsyncIterable<StepCompleted> {
    const operation = "flow.steps"
    checkStreamed(operation, options)
    const asked = () =>
      takeKnown(operation, options, eventsNames, (given) => {
        const input = eventsInput(operation, given)
        return Effect.map(FlowService, (flows) => flows.steps(this.target, input))
      })
    return new EventIterator(this.client, operation, asked, new EventTranslator().step)
  }

  /**
   * Runs the flow step by step and emits every event as it arrives. Nothing is sent before the first event is
   * requested. Leaving the loop closes the connection. Throws an `InvalidRequestError` at the call for the draft or a
   * wrong version.
   *
   * @example
   * ```ts
   * import { Noukai } from "@effect-noukai/promise"
   *
   * const watch = async (noukai: Noukai) => {
   *   for await (const event of noukai.flow("acme/spelling/grade-3").events({ message: "The cat sat." })) {
   *     if (event.type === "step_completed") console.log(event.name, event.output)
   *   }
   * }
   * ```
   */
  events(options?: EventsOptions): AsyncIterable<StreamEvent> {
    const operation = "flow.events"
    checkStreamed(operation, options)
    const asked = () =>
      takeKnown(operation, options, eventsNames, (given) => {
        const input = eventsInput(operation, given)
        return Effect.map(FlowService, (flows) => flows.events(this.target, input))
      })
    return new EventIterator(this.client, operation, asked, new EventTranslator().event)
  }

  /**
   * Emits the events of the run of a key, from the first one on. Begins the run, or follows the run that another call of
   * the key began, in this process or another. One run per key, as with {@link executeOnce}, with the same guarantees.
   *
   * Following reads only, and costs nothing. If the run is silent for `silence`, the loop rejects with a
   * `RunInProgressError`; with `takeOver` the call goes on with the run itself. Pauses that another call answers are
   * left out. Throws an `InvalidRequestError` at the call for the draft or a wrong version.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const watch = async (noukai: Noukai, row: { id: string; text: string }) => {
   *   const flow = noukai.flow("acme/spelling/grade-3")
   *   for await (const event of flow.eventsOnce(`grades-${row.id}`, { message: row.text })) console.log(event.type)
   * }
   * ```
   */
  eventsOnce(key: string, options?: EventsOnceOptions): AsyncIterable<StreamEvent> {
    const operation = "flow.eventsOnce"
    checkStreamed(operation, options)
    const asked = () =>
      takeKnown(operation, options, eventsOnceNames, (given) => {
        const input = eventsOnceInput(given)
        return Effect.map(FlowService, (flows) => flows.eventsOnce(key, this.target, input))
      })
    return new EventIterator(this.client, operation, asked, new EventTranslator().event)
  }

  /**
   * Returns a handle of an earlier job, by its execution id. Sends nothing.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const result = async (noukai: Noukai, executionId: string) => {
   *   const job = noukai.flow("acme/spelling/grade-3").job(executionId)
   *   return await job.wait()
   * }
   * ```
   */
  job(executionId: string): Job {
    const attached = Effect.flatMap(JobService, (jobs) => jobs.attach(this.target, executionId))
    return new Job(this.client, attached, { executionId })
  }

  /**
   * Returns a handle of an earlier run, for its traces. Sends nothing.
   *
   * @example
   * ```ts
   * import type { Noukai } from "@effect-noukai/promise"
   *
   * const why = async (noukai: Noukai, executionId: string) => {
   *   const { steps } = await noukai.flow("acme/spelling/grade-3").run(executionId).trace()
   *   return steps.filter(({ status }) => status === "failed")
   * }
   * ```
   */
  run(executionId: string): Run {
    return new Run(this.client, this.address, executionId)
  }
}
