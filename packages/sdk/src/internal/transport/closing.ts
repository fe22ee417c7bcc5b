/**
 * The end of a transport: what is under way fails with it, and nothing begins after it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as timers from "../time/clock.js"
import type { Pause } from "../time/clock.js"

/**
 * What ends with the transport.
 *
 * @internal
 */
export interface UnderWay {
  readonly transportClosed: () => void
}

/** @internal */
export class Closing {
  isClosed = false
  readonly underWay = new Set<UnderWay>()

  close(): void {
    this.isClosed = true
    for (const one of [...this.underWay]) one.transportClosed()
    this.underWay.clear()
  }

  /**
   * Sleeps until the end comes, or for these milliseconds. What is sent next then fails; what is answered otherwise, from a
   * recording, sleeps on as before.
   */
  readonly pause: Pause = (ms) =>
    Effect.withFiberRuntime((fiber) =>
      Effect.async<boolean>((resume) => {
        let cancel = () => {}
        const stop = () => {
          this.underWay.delete(one)
          cancel()
        }
        const wake = (slept: boolean) => {
          stop()
          resume(Effect.succeed(slept))
        }
        const one: UnderWay = { transportClosed: () => wake(false) }
        this.underWay.add(one)
        // a clock may be done at once
        if (Number.isFinite(ms)) cancel = timers.ofFiber(fiber).after(ms, () => wake(true))
        return Effect.sync(stop)
      })
    )
}

/**
 * Comes with the end of the scope.
 *
 * @internal
 */
export const make: Effect.Effect<Closing, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Closing()),
  (closing) => Effect.sync(() => closing.close())
)
