/**
 * A handle of an earlier run, and its traces.
 *
 * @since 0.1.0
 */
import type { FlowAddress } from "@effect-noukai/sdk/Flow"
import { RunService } from "@effect-noukai/sdk/RunService"
import type { ToolDeclaration } from "@effect-noukai/sdk/Tools"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Client } from "./internal/client/client.js"
import { type Names, takeKnown } from "./internal/options/unknown.js"
import { EventIterator } from "./internal/stream/eventIterator.js"
import { EventTranslator } from "./internal/stream/eventTranslator.js"
import { answerOf } from "./internal/tools/toolResults.js"
import { costOf, stepTraceOf, traceOf } from "./internal/traces/traces.js"
import type { StreamEvent } from "./StreamEvent.js"
import type { RunCost, StepAttempts, StepTrace, Trace } from "./Trace.js"

/**
 * The attempt at a step: the latest, all, or a number from 1.
 *
 * @since 0.1.0
 * @category models
 */
export type AttemptSpec = "latest" | "all" | number

/**
 * The options of `trace` and `liveTrace`.
 *
 * @since 0.1.0
 * @category options
 */
export interface TraceOptions {
  /** Milliseconds per attempt. Default: the client's. */
  timeout?: number | undefined
  /** Ends the call. The call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/**
 * The options of `liveTrace`.
 *
 * @since 0.1.0
 * @category options
 */
export interface LiveTraceOptions extends TraceOptions {
  /** The version of the run, for `resume` of a pause. Default: `"production"`. */
  version?: "production" | number | undefined
  /** The tools of the run, which `resume` declares again. Default: none. */
  tools?: ReadonlyArray<Record<string, unknown>> | undefined
  /** Whether `resume` asks the server to keep the inputs and outputs of the steps. Default: false. */
  trace?: boolean | undefined
}

/**
 * The options of `stepTrace`: the attempt and iteration to read.
 *
 * @since 0.1.0
 * @category options
 */
export interface StepTraceOptions extends TraceOptions {
  /** Default: `"latest"`. */
  attempt?: AttemptSpec | undefined
  /** The iteration, from 0, of a step in a loop. */
  loopIndex?: number | undefined
}

const readNames: Names<TraceOptions> = { timeout: true, signal: true }

const liveNames: Names<LiveTraceOptions> = { ...readNames, version: true, tools: true, trace: true }

const stepNames: Names<StepTraceOptions> = { ...readNames, attempt: true, loopIndex: true }

const readOptions = ({ timeout }: TraceOptions) => ({ attemptTimeout: timeout ?? undefined })

const stepOptions = ({ attempt, loopIndex, timeout }: StepTraceOptions) => ({
  attempt: attempt ?? "latest",
  loopIndex: loopIndex ?? undefined,
  attemptTimeout: timeout ?? undefined
})

/**
 * A handle of an earlier run, from `flow.run(executionId)`.
 *
 * @since 0.1.0
 * @category models
 */
export class Run {
  readonly executionId: string
  private readonly client: Client
  private readonly address: FlowAddress

  /** @internal */
  constructor(client: Client, address: FlowAddress, executionId: string) {
    this.client = Client.of(client, "Run", "flow.run(id)")
    this.address = address
    this.executionId = executionId
  }

  /**
   * Reads the run and all its steps.
   *
   * @example
   * ```ts
   * import type { Run } from "@effect-noukai/promise"
   *
   * const ids = async (run: Run) => {
   *   const { steps } = await run.trace()
   *   return steps.map(({ stepId }) => stepId)
   * }
   * ```
   */
  async trace(options?: TraceOptions): Promise<Trace> {
    const { input, signal } = takeKnown("run.trace", options, readNames, readOptions)
    const read = Effect.flatMap(RunService, (runs) => runs.trace(this.address, this.executionId, input))
    return await this.client.run(Effect.map(read, traceOf), signal)
  }

  /**
   * Reads the trace of the run and adds up its cost, its tokens and its time.
   *
   * @example
   * ```ts
   * import type { Run } from "@effect-noukai/promise"
   *
   * const spent = async (run: Run) => {
   *   const { costUsd } = await run.cost()
   *   return costUsd
   * }
   * ```
   */
  async cost(options?: TraceOptions): Promise<RunCost> {
    const { input, signal } = takeKnown("run.cost", options, readNames, readOptions)
    const read = Effect.flatMap(RunService, (runs) => runs.cost(this.address, this.executionId, input))
    return await this.client.run(Effect.map(read, costOf), signal)
  }

  /**
   * Reads one step: its latest attempt, a given attempt, or all with `attempt: "all"`.
   *
   * @example
   * ```ts
   * import type { Run } from "@effect-noukai/promise"
   *
   * const attempts = (run: Run) => run.stepTrace("grade", { attempt: "all" })
   * ```
   */
  async stepTrace(stepId: string, options?: StepTraceOptions): Promise<StepTrace | StepAttempts> {
    const { input, signal } = takeKnown("run.stepTrace", options, stepNames, stepOptions)
    const read = Effect.flatMap(RunService, (runs) => runs.stepTrace(this.address, this.executionId, stepId, input))
    return await this.client.run(Effect.map(read, stepTraceOf), signal)
  }

  /**
   * Emits the past and future events of the run, up to its end. `resume` of a pause for tool calls answers it, if the
   * program that runs the flow does not, and resolves when the run has ended or paused again. `timeout` is for each
   * silence.
   *
   * @example
   * ```ts
   * import type { Run } from "@effect-noukai/promise"
   *
   * const watch = async (run: Run) => {
   *   for await (const event of run.liveTrace({ timeout: 60_000 })) console.log(event.type)
   * }
   * ```
   */
  liveTrace(options?: LiveTraceOptions): AsyncIterable<StreamEvent> {
    const asked = () =>
      takeKnown("run.liveTrace", options, liveNames, ({ timeout, tools, trace, version }) => {
        const silence = timeout ?? undefined
        const input = {
          firstByteTimeout: silence,
          idleTimeout: silence,
          version: version ?? undefined,
          // the SDK checks them
          tools: (tools ?? undefined) as ReadonlyArray<ToolDeclaration> | undefined,
          snapshots: trace ?? undefined
        }
        return Effect.map(RunService, (runs) => runs.liveTrace(this.address, this.executionId, input))
      })
    const translator = new EventTranslator()
    return new EventIterator(
      this.client,
      "run.liveTrace",
      asked,
      (event) =>
        translator.event(event, (pause) => async (answer) => {
          const results = answerOf("run.liveTrace", answer, pause.executionId)
          return await this.client.run(Stream.runDrain(pause.resume(results)), options?.signal)
        })
    )
  }
}
