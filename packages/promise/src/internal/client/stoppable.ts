// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/** Effects on a runtime that can be stopped. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as ManagedRuntime from "effect/ManagedRuntime"

/** Work that closing the client ends. */
export interface Stoppable {
  /** Stops the work and resolves when it has ended. */
  readonly stop: () => Promise<unknown>
}

/** The part of a runtime that starts fibers. */
export type Runner<R> = Pick<ManagedRuntime.ManagedRuntime<R, unknown>, "runFork">

/** An effect that can be stopped from its first moment on: a fiber runs before its `runFork` has returned. */
export class StoppableEffect<A, R> implements Stoppable {
  private fiber: Fiber.RuntimeFiber<A, unknown> | undefined
  private stopped = false
  private end: () => void = () => {}
  private readonly ended = new Promise<void>((resolve) => {
    this.end = resolve
  })

  constructor(private readonly runner: Runner<R>, private readonly effect: Effect.Effect<A, unknown, R>) {}

  start(): Promise<Exit.Exit<A, unknown>> {
    return new Promise((resolve) => {
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
