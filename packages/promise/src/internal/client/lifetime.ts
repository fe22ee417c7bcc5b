// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/** A runtime and its calls in flight. */
import type { FlowService } from "@effect-noukai/sdk/FlowService"
import type { JobService } from "@effect-noukai/sdk/JobService"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import type { RunService } from "@effect-noukai/sdk/RunService"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import { APIConnectionError } from "../../NoukaiError.js"
import type { CallSignal } from "../../NoukaiOptions.js"
import { promiseError } from "../errors/promiseError.js"
import { onAbort } from "./signals.js"

export type Services = FlowService | JobService | RunService | NoukaiHttp

/** Work that ends when the client is closed. */
export interface Stoppable {
  /** Stops the work and resolves when it has ended. */
  readonly stop: () => Promise<unknown>
}

/** The part of a runtime that starts fibers. */
export interface Runner<R> extends Pick<ManagedRuntime.ManagedRuntime<R, unknown>, "runFork"> {
  /** Builds the runtime. Returns nothing once it is built. Default: it is built. */
  readonly opening?: () => Promise<void> | undefined
}

/** An effect that can be stopped at any time, also before `runFork` has returned. */
export class StoppableEffect<A, R> implements Stoppable {
  private fiber: Fiber.RuntimeFiber<A, unknown> | undefined
  private stopped = false
  private end: () => void = () => {}
  private readonly ended = new Promise<void>((resolve) => {
    this.end = resolve
  })

  constructor(private readonly runner: Runner<R>, private readonly effect: Effect.Effect<A, unknown, R>) {}

  start(): Promise<Exit.Exit<A, unknown>> {
    return this.runner.opening?.()?.then(() => this.begin()) ?? this.begin()
  }

  private begin(): Promise<Exit.Exit<A, unknown>> {
    return new Promise((resolve) => {
      if (this.stopped) {
        this.end()
        return resolve(Exit.interrupt(FiberId.none))
      }
      const fiber = this.runner.runFork(this.effect)
      this.fiber = fiber
      fiber.addObserver((exit) => {
        resolve(exit)
        this.end()
      })
      if (this.stopped) fiber.unsafeInterruptAsFork(FiberId.none)
    })
  }

  readonly stop = (): Promise<void> => {
    this.stopped = true
    this.fiber?.unsafeInterruptAsFork(FiberId.none)
    return this.ended
  }
}

/** The reason why a call is refused or has ended. */
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

export class Lifetime<R = Services> {
  private readonly underWay = new Set<Stoppable>()
  private closing: Promise<void> | undefined

  constructor(
    private readonly runner: Runner<R>,
    /** Releases the runtime. Does nothing for a runtime of the caller. */
    private readonly release: () => Promise<void>
  ) {}

  begin(underWay: Stoppable): void {
    this.underWay.add(underWay)
  }

  end(underWay: Stoppable): void {
    this.underWay.delete(underWay)
  }

  /** Returns the reason why calls are refused now, if there is one. */
  refusal(signals: ReadonlyArray<CallSignal>): Rejection | undefined {
    if (this.closing !== undefined) return { reason: notOpen() }
    const aborted = signals.find((signal) => signal.aborted)
    return aborted === undefined ? undefined : { reason: aborted.reason }
  }

  /** Returns the reason of an interruption: an aborted signal, or else the closed client. */
  interruption(signals: ReadonlyArray<CallSignal>, byClose: () => APIConnectionError = closed): unknown {
    const aborted = signals.find((signal) => signal.aborted)
    return aborted === undefined ? byClose() : aborted.reason
  }

  /** Returns the reason of the abort of a call, or nothing if no signal aborted and the client is open. */
  abortReason(signals: ReadonlyArray<CallSignal>): unknown {
    const isStopped = this.closing !== undefined || signals.some((signal) => signal.aborted)
    return isStopped ? this.interruption(signals) : undefined
  }

  /** Returns an effect for this runtime. It has not begun. */
  running<A, E>(effect: Effect.Effect<A, E, R>): StoppableEffect<A, R> {
    return new StoppableEffect(this.runner, effect)
  }

  /**
   * Runs an effect until it ends, a signal aborts or the client is closed. Errors are created after an `await`, so that
   * their stack names the caller.
   */
  async run<A, E>(effect: Effect.Effect<A, E, R>, signals: ReadonlyArray<CallSignal>): Promise<A> {
    const refusal = this.refusal(signals)
    if (refusal !== undefined) throw refusal.reason
    const running = this.running(effect)
    return await this.outcome(running, this.watch(running, signals), signals, closed)
  }

  /**
   * Runs an effect with a body of the caller, which starts after `began`. Before `began`, a signal or closing the
   * client stops the effect. Afterwards it runs to its end.
   */
  async runBody<A, E>(
    make: (began: Effect.Effect<void>) => Effect.Effect<A, E, R>,
    signals: ReadonlyArray<CallSignal>
  ): Promise<A> {
    const refusal = this.refusal(signals)
    if (refusal !== undefined) throw refusal.reason
    let release = () => {}
    const running = this.running(make(Effect.sync(() => release())))
    release = this.watch(running, signals)
    return await this.outcome(running, release, signals, closedInOpening)
  }

  /** Ends the calls in flight, then releases the runtime. Another call returns the same promise. */
  close(): Promise<void> {
    this.closing ??= Promise.all(Array.from(this.underWay, (call) => call.stop())).then(() => this.release())
    return this.closing
  }

  /** Returns the value of an effect that signals or closing the client may stop. */
  private async outcome<A>(
    running: StoppableEffect<A, R>,
    release: () => void,
    signals: ReadonlyArray<CallSignal>,
    byClose: () => APIConnectionError
  ): Promise<A> {
    const exit = await running.start()
    release()
    if (Exit.isSuccess(exit)) return exit.value
    throw Cause.isInterruptedOnly(exit.cause)
      ? this.interruption(signals, byClose)
      : promiseError(Cause.squash(exit.cause))
  }

  /** Stops an effect on an abort or when the client is closed, until the returned function is called. */
  private watch(running: Stoppable, signals: ReadonlyArray<CallSignal>): () => void {
    const leave = onAbort(signals, running.stop)
    this.begin(running)
    return () => {
      leave()
      this.end(running)
    }
  }
}
