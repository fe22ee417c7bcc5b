// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * A flow that is bound to a client.
 *
 * @since 0.1.0
 */
import type { FlowAddress } from "@effect-noukai/sdk/Flow"
import { FlowService } from "@effect-noukai/sdk/FlowService"
import { JobService } from "@effect-noukai/sdk/JobService"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ExecuteResult, PausedResult } from "./ExecuteResult.js"
import type { EventsOptions, ExecuteAsyncOptions, ExecuteOptions, StepsOptions } from "./FlowOptions.js"
import type { Client } from "./internal/client/client.js"
import { executeResult } from "./internal/execute/executeResult.js"
import { eventsInput, executeInput, submitInput } from "./internal/execute/flowInput.js"
import { rightOrThrow, takeOptions } from "./internal/options/reading.js"
import { EventIterator } from "./internal/stream/eventIterator.js"
import { EventTranslator } from "./internal/stream/eventTranslator.js"
import { Job } from "./Job.js"
import { Run } from "./Run.js"
import type { StepCompleted, StreamEvent } from "./StreamEvent.js"

/**
 * A flow and its operations, made by `noukai.flow(…)`.
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

  /** @internal */
  constructor(client: Client, address: FlowAddress) {
    this.client = client
    this.address = address
    this.org = address.org
    this.project = address.project
    this.slug = address.slug
  }

  /**
   * Runs the flow and waits for its end. A run that failed is a result; a request that failed rejects.
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
    const { input, signal } = rightOrThrow(takeOptions("flow.execute", options, executeInput))
    const effect = Effect.flatMap(FlowService, (flows) => flows.execute(this.address, input))
    return await client.run(executeResult(effect, (resumed) => client.run(resumed, signal)), signal)
  }

  /**
   * Puts a run into the queue and resolves with its handle.
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
    const { input, signal } = rightOrThrow(takeOptions("flow.executeAsync", options, submitInput))
    const effect = Effect.flatMap(JobService, (jobs) => jobs.submit(this.address, input))
    return await client.run(Effect.map(effect, (job) => new Job(client, Effect.succeed(job), job)), signal)
  }

  /**
   * Runs the flow step by step and gives each step that completed. Rejects when a step fails, and when the run pauses
   * for tool calls without a `toolHandler`.
   */
  steps(options?: StepsOptions): AsyncIterable<StepCompleted> {
    const asked = takeOptions("flow.steps", options, (given) => {
      const input = eventsInput(given)
      return Stream.unwrap(Effect.map(FlowService, (flows) => flows.steps(this.address, input)))
    })
    return new EventIterator(this.client, asked, new EventTranslator().step)
  }

  /**
   * Runs the flow step by step and gives every event as it arrives. Nothing is sent before the first event is asked
   * for; leaving the loop closes the connection.
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
    const asked = takeOptions("flow.events", options, (given) => {
      const input = eventsInput(given)
      return Stream.unwrap(Effect.map(FlowService, (flows) => flows.events(this.address, input)))
    })
    return new EventIterator(this.client, asked, new EventTranslator().event)
  }

  /**
   * A handle on an earlier run, for its traces. Nothing is sent.
   */
  run(executionId: string): Run {
    return new Run(this.client, this.address, executionId)
  }
}
