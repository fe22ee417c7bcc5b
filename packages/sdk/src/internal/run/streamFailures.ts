/** The errors of a stream: each with its run, its cursor, and whether the whole call may be made again. */
import {
  APIConnectionError,
  APITimeoutError,
  type CallError,
  type ErrorCode,
  FlowExecutionError,
  isNoukaiError,
  type Sent,
  UnexpectedResponseError
} from "../../NoukaiError.js"
import { cursorOf } from "../errors/errorClass.js"
import { amended, known, unchecked } from "../errors/makeError.js"
import type { Progress } from "../options/callOptions.js"
import { afterARunMayExist, CallProgress } from "./callProgress.js"
import type { StreamCursor } from "./streamCursor.js"

interface RunFailure {
  readonly code?: ErrorCode | undefined
  readonly detail?: string | undefined
  readonly stepId?: string | undefined
  readonly result?: unknown
}

export class StreamFailures {
  private received = false
  /** Whether something may have run because of this call, so that making the whole call again could run it twice. */
  private mayHaveRun = false

  constructor(
    private readonly method: string,
    private readonly addressText: string,
    private readonly cursor: StreamCursor,
    private readonly progress = new CallProgress()
  ) {}

  /** The progress of the next request. */
  begin(): Progress {
    return this.progress.begin()
  }

  eventsCame(): void {
    this.received = true
    this.mayHaveRun = true
  }

  handlerRan(): void {
    this.mayHaveRun = true
  }

  requestFailed(error: CallError): void {
    this.mayHaveRun ||= !error.isRetryable
  }

  /** The progress of this call: the furthest of its requests. */
  get sent(): Sent {
    return this.received ? "yes" : this.progress.sent
  }

  private get facts() {
    return { method: this.method, flow: this.addressText, executionId: this.cursor.executionId }
  }

  /** The error with the facts of this run. */
  of<E extends CallError>(error: E): E {
    const { cursor } = this
    const told = this.mayHaveRun ? afterARunMayExist(error, this.sent) : error
    return amended(
      told,
      told.executionId === undefined && cursor.executionId !== undefined ? { executionId: cursor.executionId } : {},
      cursor.mark()
    )
  }

  /** An error of the handler, which is the caller's own and stays as it is, unless the round itself was at fault. */
  ofHandler<E>(error: E): E {
    const { cursor } = this
    return isNoukaiError(error) && error.executionId === cursor.executionId && cursorOf(error) === undefined
      ? amended(error, {}, cursor.mark())
      : error
  }

  unexpected(reason: string, code?: ErrorCode): UnexpectedResponseError {
    return new UnexpectedResponseError(
      known({ ...this.facts, reason, code, isRetryable: false }),
      unchecked
    )
  }

  /** The error of a response that ended without the end of the run, or a pause. */
  endedEarly(detail = "the stream ended before a terminal event", isRetryable = false): APIConnectionError {
    return new APIConnectionError(known({ ...this.facts, detail, sent: "yes", isRetryable }), unchecked)
  }

  runFailed(failure: RunFailure): FlowExecutionError {
    return new FlowExecutionError(known({ ...this.facts, ...failure, isRetryable: false }), unchecked)
  }

  /** The error of a total timeout. */
  timedOut(ms: number): APITimeoutError {
    const { sent } = this
    const error = this.of(
      new APITimeoutError(
        known({
          ...this.facts,
          detail: `after ${ms} ms`,
          clock: "total",
          sent,
          isRetryable: sent === "no"
        }),
        unchecked
      )
    )
    this.progress.timedOut?.(error)
    return error
  }
}
