/** The end of a transport: it fails the requests under way, and none begins after it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as timers from "../core/time.js"
import type { Pause } from "../core/time.js"

/** A request that ends with the transport. */
export interface ClosableExchange {
  readonly transportClosed: () => void
}

export class Closing {
  isClosed = false
  readonly underWay = new Set<ClosableExchange>()

  close(): void {
    this.isClosed = true
    for (const one of [...this.underWay]) one.transportClosed()
    this.underWay.clear()
  }

  /**
   * Sleeps until the end comes, or for these milliseconds. A request that follows the end fails; a replayed call sleeps
   * on as before.
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
        const one: ClosableExchange = { transportClosed: () => wake(false) }
        this.underWay.add(one)
        // the clock may fire before it returns
        if (Number.isFinite(ms)) cancel = timers.ofFiber(fiber).after(ms, () => wake(true))
        return Effect.sync(stop)
      })
    )
}

/** Makes the end of a transport, which comes with the end of the scope. */
export const make: Effect.Effect<Closing, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Closing()),
  (closing) => Effect.sync(() => closing.close())
)
