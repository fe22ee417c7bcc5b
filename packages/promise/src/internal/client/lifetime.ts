// what a promise rejects with has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * A runtime and what is under way on it.
 *
 * @internal
 */
import type { FlowService } from "@effect-noukai/sdk/FlowService"
import type { JobService } from "@effect-noukai/sdk/JobService"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import type { RunService } from "@effect-noukai/sdk/RunService"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { APIConnectionError } from "../../NoukaiError.js"
import { promiseError } from "../errors/promiseError.js"
import { type Runner, Running, type UnderWay } from "./running.js"
import { hear } from "./signals.js"

/** @internal */
export type Services = FlowService | JobService | RunService | NoukaiHttp

/**
 * Why a call cannot begin, or has ended.
 *
 * @internal
 */
export interface Rejection {
  readonly reason: unknown
}

const closed = (): APIConnectionError =>
  new APIConnectionError("the client was closed: a run that was under way may exist and may be billed", {
    sent: "unknown"
  })

const closedInOpening = (): APIConnectionError =>
  new APIConnectionError("the client was closed before the scope had begun: no run was started", { sent: "no" })

const notOpen = (): APIConnectionError =>
  new APIConnectionError("the client is closed: nothing was sent", { sent: "no" })

/** @internal */
export class Lifetime<R = Services> {
  private readonly underWay = new Set<UnderWay>()
  private closing: Promise<void> | undefined

  constructor(
    private readonly runner: Runner<R>,
    /** Of the runtime; one that is the caller's stays. */
    private readonly release: () => Promise<void>
  ) {}

  begin(underWay: UnderWay): void {
    this.underWay.add(underWay)
  }

  end(underWay: UnderWay): void {
    this.underWay.delete(underWay)
  }

  /** Why nothing can be begun now, if so. */
  refusal(signals: ReadonlyArray<AbortSignal>): Rejection | undefined {
    if (this.closing !== undefined) return { reason: notOpen() }
    const aborted = signals.find((signal) => signal.aborted)
    return aborted === undefined ? undefined : { reason: aborted.reason }
  }

  /** Why something was ended from outside. */
  interruption(signals: ReadonlyArray<AbortSignal>, byClose: () => APIConnectionError = closed): unknown {
    const aborted = signals.find((signal) => signal.aborted)
    return aborted === undefined ? byClose() : aborted.reason
  }

  /** An effect that is to run on the runtime; it has not begun. */
  running<A, E>(effect: Effect.Effect<A, E, R>): Running<A, R> {
    return new Running(this.runner, effect)
  }

  /**
   * Runs an effect to its end, unless a signal or the end of the client comes first. Errors are made after an `await`
   * and not in the fiber: so their stack names who called.
   */
  async run<A, E>(effect: Effect.Effect<A, E, R>, signals: ReadonlyArray<AbortSignal>): Promise<A> {
    const refusal = this.refusal(signals)
    if (refusal !== undefined) throw refusal.reason
    const running = this.running(effect)
    return await this.outcome(running, this.watch(running, signals), signals, closed)
  }

  /**
   * Runs an effect that has a body of the caller's, which `began` comes before. Until then it ends as a call does; from
   * then on it runs to its end, beyond that of the client.
   */
  async runBody<A, E>(
    make: (began: Effect.Effect<void>) => Effect.Effect<A, E, R>,
    signals: ReadonlyArray<AbortSignal>
  ): Promise<A> {
    const refusal = this.refusal(signals)
    if (refusal !== undefined) throw refusal.reason
    let release = () => {}
    const running = this.running(make(Effect.sync(() => release())))
    release = this.watch(running, signals)
    return await this.outcome(running, release, signals, closedInOpening)
  }

  /** Ends what is under way, then releases the runtime. Again: the same promise. */
  close(): Promise<void> {
    this.closing ??= Promise.all(Array.from(this.underWay, (call) => call.stop())).then(() => this.release())
    return this.closing
  }

  /** What comes of what signals and the end of the client may stop. */
  private async outcome<A>(
    running: Running<A, R>,
    release: () => void,
    signals: ReadonlyArray<AbortSignal>,
    byClose: () => APIConnectionError
  ): Promise<A> {
    const exit = await running.start()
    release()
    if (Exit.isSuccess(exit)) return exit.value
    throw Cause.isInterruptedOnly(exit.cause)
      ? this.interruption(signals, byClose)
      : promiseError(Cause.squash(exit.cause))
  }

  /** Until it is called off, signals and the end of the client stop what is running. */
  private watch(running: UnderWay, signals: ReadonlyArray<AbortSignal>): () => void {
    const leave = hear(signals, running.stop)
    this.begin(running)
    return () => {
      leave()
      this.end(running)
    }
  }
}
