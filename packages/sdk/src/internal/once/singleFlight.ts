import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { globalValue } from "effect/GlobalValue"
import type { Sent } from "../../NoukaiError.js"

/** The end of the call that led, and whether it sent its run. */
export interface Led<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly sent: Sent
}

/** The calls that lead, by what they run; of all clients of the process. */
const leaders = globalValue(
  "@effect-noukai/sdk/once/leaders",
  () => new Map<string, Deferred.Deferred<Led<unknown, unknown>>>()
)

/**
 * Runs an effect unless another call of the process is running one of this name: the first call of a name leads, and the
 * others follow its end. `sent` returns whether the leader sent its run. All effects of one name have one type.
 */
export const singleFlight = <A, E>(
  name: string,
  lead: Effect.Effect<A, E>,
  sent: () => Sent,
  follow: (led: Led<A, E>) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const leader = leaders.get(name)
      if (leader !== undefined) {
        return Effect.flatMap(restore(Deferred.await(leader)), (led) => restore(follow(led as Led<A, E>)))
      }
      const done = Deferred.unsafeMake<Led<unknown, unknown>>(FiberId.none)
      leaders.set(name, done)
      return Effect.onExit(restore(lead), (exit) =>
        Effect.sync(() => {
          leaders.delete(name)
          Deferred.unsafeDone(done, Exit.succeed({ exit, sent: sent() }))
        }))
    })
  )
