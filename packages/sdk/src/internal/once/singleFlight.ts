import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { globalValue } from "effect/GlobalValue"
import type { Sent } from "../../NoukaiError.js"

/**
 * How the call that led has ended: with its outcome, or given up, having sent so much.
 *
 * @internal
 */
export type Led<A, E> =
  | { readonly _tag: "ended"; readonly exit: Exit.Exit<A, E> }
  | { readonly _tag: "givenUp"; readonly sent: Sent }

/** The calls that lead, by what they run; of all clients of the process. */
const leaders = globalValue(
  "@effect-noukai/sdk/once/leaders",
  () => new Map<string, Deferred.Deferred<Led<unknown, unknown>>>()
)

/**
 * Runs what no other call of the process is running: the first call of a name leads, and others follow with how it
 * ended. `givenUp` tells how much a call that ended without an outcome has sent. Whatever is run under one name has one
 * type.
 *
 * @internal
 */
export const singleFlight = <A, E>(
  name: string,
  lead: Effect.Effect<A, E>,
  givenUp: (exit: Exit.Exit<A, E>) => Sent | undefined,
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
          const sent = givenUp(exit)
          const led: Led<A, E> = sent === undefined ? { _tag: "ended", exit } : { _tag: "givenUp", sent }
          Deferred.unsafeDone(done, Exit.succeed(led))
        }))
    })
  )
