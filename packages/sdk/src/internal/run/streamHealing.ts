/** The decision whether a run goes on after a response that broke off, and when. */
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { FirstCall, FlowCursor } from "../../FlowCursor.js"
import * as Errors from "../../NoukaiError.js"
import { amended, cursorOf, known, newError } from "../core/makeError.js"
import { backoffDriver, mayPassSoon } from "../http/retry.js"
import { digitsIn, digitsWithin, withDigits } from "../kit/plainJson.js"
import type { ExecuteBody, RunFields, StepBody } from "../operations/requests.js"
import type { FlowRef, FlowVersion } from "../options/address.js"
import { afterARunMayExist, CallProgress, type Progress, type StreamOptions } from "../options/callOptions.js"
import type { CostedCall } from "./runCosts.js"
import { cursorAt, outputsOf, progressOf, type RunState, stateAt, stepToRun } from "./runFold.js"
import type { AnswerStrategy } from "./toolRound.js"

/**
 * Tells the events of a step that runs again after a cut from those that were delivered before it: as many of each kind
 * and step as were delivered are repetitions.
 */
export class RepeatedEvents {
  private readonly delivered = new Map<string, number>()
  private readonly seen = new Map<string, number>()

  /** Begins another response. */
  begin(): void {
    this.seen.clear()
  }

  /** Forgets the events of a step that completed: later ones are of another step, or of another attempt. */
  forget(): void {
    this.delivered.clear()
    this.seen.clear()
  }

  isNew({ stepId = "", type }: { readonly type: string; readonly stepId?: string | undefined }): boolean {
    const key = `${type} ${stepId}`
    const count = (this.seen.get(key) ?? 0) + 1
    this.seen.set(key, count)
    if (count <= (this.delivered.get(key) ?? 0)) return false
    this.delivered.set(key, count)
    return true
  }
}

const gaveUp = Effect.as(Effect.void, undefined)

/**
 * Whether the server refuses the step of a request because the last one has completed. A request with the answer to a
 * tool call is for a step that has not completed.
 */
export const isBeyondLastStep = (
  error: Errors.CallError,
  { again, mayBeOver, pending, stepIndex }: RunState
): boolean =>
  error._tag === "FlowExecutionError" && error.code === "INVALID_STEP_INDEX" &&
  stepIndex > 0 && pending === undefined && mayBeOver && !again

export class StreamHealing {
  private delay: ((error: Errors.NoukaiError) => Effect.Effect<number | undefined>) | undefined
  /** The progress of the run when the schedule began. */
  private since = -1

  constructor(private readonly schedule: Schedule.Schedule<unknown, Errors.NoukaiError> | undefined) {}

  /**
   * The milliseconds to wait; `undefined` when the stream fails. The schedule begins anew only when the run has made
   * progress: the events of a step that is cut off each time do not count, since it may be billed each time.
   */
  delayAfter(error: Errors.CallError, state: RunState): Effect.Effect<number | undefined> {
    const { schedule } = this
    if (schedule === undefined || state.executionId === undefined || !mayPassSoon(error)) return gaveUp
    const reached = progressOf(state) + state.rounds
    if (this.delay === undefined || reached > this.since) {
      this.delay = backoffDriver(schedule)
      this.since = reached
    }
    return this.delay(error)
  }
}

/** The fields of every request of a stream, in the order in which they are sent. Its first one has the input too. */
export const everyRequest = (
  { attachments: _, blockOverrides, parameters: __, ...fields }: RunFields,
  inputOverrides: StepBody["inputOverrides"],
  runRemaining: boolean
) => ({ inputOverrides, blockOverrides, runRemaining, ...fields })

export type EveryRequest = ReturnType<typeof everyRequest>

/** The input of the first request of a stream. */
export const firstCall = (message: string | undefined, { attachments, parameters }: RunFields): FirstCall =>
  known({
    message,
    parameters: parameters as FirstCall["parameters"],
    attachments,
    digits: digitsWithin(parameters)
  })

/**
 * The body of the request for the next step of a run.
 *
 * @see docs/wire.md#step
 */
export const stepBody = (state: RunState, everyRequest: EveryRequest): StepBody => {
  const { again } = state
  const stepIndex = stepToRun(state)
  const pending = again ? state.answered : state.pending
  const isFirst = stepIndex === 0 || state.executionId === undefined
  const first = isFirst && pending === undefined ? state.start.first : undefined
  const { digits, outputs } = stepIndex === 0 && again
    ? { digits: undefined, outputs: {} }
    : outputsOf(state, again ? state.lastStepId : undefined)
  const body: StepBody = {
    executionId: state.executionId,
    stepIndex,
    accumulatedOutputs: outputs,
    message: first?.message,
    parameters: first?.parameters ?? {},
    attachments: first?.attachments,
    ...everyRequest,
    toolCallMessages: pending?.toolCallMessages,
    iterationsUsed: pending?.iterationsUsed ?? 0
  }
  return withDigits(
    body,
    digitsIn([
      ["accumulatedOutputs", digits],
      ["parameters", first?.digits],
      ["toolCallMessages", pending?.digits]
    ])
  )
}

/** The fields of every request of a run of `execute` that is walked. */
export const everyOfWalk = (run: { readonly fields: RunFields; readonly costs: object | undefined }): EveryRequest =>
  everyRequest(run.fields, {}, run.costs === undefined)

/** The body of the first request of such a run. */
export const walkedBody = (run: Parameters<typeof everyOfWalk>[0], start: FlowCursor): StepBody =>
  stepBody(stateAt(start), everyOfWalk(run))

/** Whether a request with this body can be made: only the first one of a run does without its id. */
export const isAddressed = (body: StepBody, start: FlowCursor): boolean =>
  body.executionId !== undefined || (body.stepIndex === start.stepIndex && body.toolCallMessages === undefined)

/** The constants of a run, from its first request to its last. */
export interface FlowCall<E, R> extends CostedCall {
  readonly flow: FlowRef<never>
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  /** The way in which pauses are answered; `undefined` if they cannot be. */
  readonly answering: AnswerStrategy<E, R> | undefined
}

/** The constants of a streamed run. */
export interface StreamSettings<E, R> extends FlowCall<E, R> {
  readonly options: StreamOptions
  /** The delivered events: completed steps alone, or every event. */
  readonly only: "steps" | "events"
  readonly everyRequest: EveryRequest
  readonly heal: Schedule.Schedule<unknown, Errors.NoukaiError> | undefined
  /** The body of the `execute` that is walked. Absent: the events are for the caller. */
  readonly asExecute?: ExecuteBody | undefined
}

/** The origin of a walk. */
export interface Origin {
  readonly cursor: FlowCursor
  /** Whether `run_started` has been delivered. */
  readonly begun: boolean
  /** Whether the last step of the cursor's run may have completed. */
  readonly mayBeOver: boolean
  /** The costs that events have told of the cursor's run. Default: none. */
  readonly told?: ReadonlyArray<string | undefined>
  /** Whether the costs of the cursor's run are known to be within its limit. Default: false. */
  readonly isAfforded?: boolean
  /** The progress of the call that the walk is a part of. Default: its own. */
  readonly progress?: CallProgress
}

type RunFailure = { readonly [K in "code" | "detail" | "stepId"]?: string | undefined } & { readonly result?: unknown }

export class StreamFailures {
  /** Whether something may have run because of this call, so that making the whole call again could run it twice. */
  mayHaveRun = false

  constructor(
    private readonly method: string,
    private readonly addressText: string,
    private readonly state: () => RunState,
    private readonly progress = new CallProgress()
  ) {}

  /** The progress of the next request. */
  begin(): Progress {
    return this.progress.begin()
  }

  eventsCame(): void {
    this.progress.sent = "yes"
    this.mayHaveRun = true
  }

  /** The progress of this call: the furthest of its requests. */
  get sent(): Errors.Sent {
    return this.progress.sent
  }

  private get facts() {
    return { method: this.method, flow: this.addressText, executionId: this.state().executionId }
  }

  /** The error with the facts of this run. */
  of<E extends Errors.CallError>(error: E): E {
    const state = this.state()
    const told = this.mayHaveRun ? afterARunMayExist(error, this.sent) : error
    return amended(
      told,
      told.executionId === undefined && state.executionId !== undefined ? { executionId: state.executionId } : {},
      () => cursorAt(state)
    )
  }

  /** An error of the handler, which is the caller's own and stays as it is, unless the round itself was at fault. */
  ofHandler<E>(error: E): E {
    const state = this.state()
    return Errors.isNoukaiError(error) && error.executionId === state.executionId && cursorOf(error) === undefined
      ? amended(error, {}, () => cursorAt(state))
      : error
  }

  unexpected(reason: string, code?: Errors.ErrorCode, result?: unknown): Errors.UnexpectedResponseError {
    return newError(Errors.UnexpectedResponseError, { ...this.facts, reason, code, result })
  }

  /** The error of a response that ended without the end of the run, or a pause. */
  endedEarly(detail = "the stream ended before a terminal event", isRetryable = false): Errors.APIConnectionError {
    return newError(Errors.APIConnectionError, { ...this.facts, detail, sent: "yes", isRetryable })
  }

  runFailed(failure: RunFailure): Errors.FlowExecutionError {
    return newError(Errors.FlowExecutionError, { ...this.facts, ...failure })
  }

  /** The error of a total timeout. */
  timedOut(ms: number): Errors.APITimeoutError {
    const { sent } = this
    const error = this.of(
      newError(Errors.APITimeoutError, {
        ...this.facts,
        detail: `after ${ms} ms`,
        clock: "total",
        sent,
        isRetryable: sent === "no"
      })
    )
    this.progress.timedOut?.(error)
    return error
  }
}
