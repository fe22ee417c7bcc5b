// what a promise rejects with has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * What runs on a runtime and can be stopped.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as ManagedRuntime from "effect/ManagedRuntime"

/**
 * What ends with the client.
 *
 * @internal
 */
export interface UnderWay {
  /** Resolves when it has ended. */
  readonly stop: () => Promise<unknown>
}

/**
 * What forks.
 *
 * @internal
 */
export type Runner<R> = Pick<ManagedRuntime.ManagedRuntime<R, unknown>, "runFork">

/**
 * An effect that can be stopped from its first moment on: a fiber runs before its `runFork` has returned.
 *
 * @internal
 */
export class Running<A, R> implements UnderWay {
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
