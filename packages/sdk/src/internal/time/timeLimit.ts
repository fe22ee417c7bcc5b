import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** Fails with the defects of finalizers, which an interruption must not hide. */
const defectsOf = <A, E>(exit: Exit.Exit<A, E>): Effect.Effect<void> =>
  Exit.isFailure(exit) ? Effect.failCause(Cause.stripFailures(exit.cause)) : Effect.void

/**
 * Runs an effect until `limit` has ended, then interrupts it and continues with `onLimit`.
 *
 * `Effect.timeout` of Effect 3 neither ends when a sibling in `Effect.all` fails, nor in an uninterruptible region. This
 * form ends in both. The effect runs in a daemon fiber, because Effect interrupts the children of an interrupted fiber
 * even in an uninterruptible region. So a caller that is interrupted there still receives the result.
 *
 * Otherwise the effect behaves as in the fiber of the caller: its changes of fiber refs are visible. The fibers that it
 * forks end with it.
 */
export const endedBy = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  limit: Effect.Effect<unknown>,
  onLimit: Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E | E2, R | R2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      let isOver = false
      const call = yield* Effect.forkDaemon(Effect.interruptible(self))
      const end = Effect.suspend(() => {
        isOver = true
        return Fiber.interrupt(call)
      })
      const limiting = yield* Effect.forkDaemon(Effect.interruptible(Effect.zipRight(limit, end)))
      const exit = yield* restore(Fiber.await(call)).pipe(
        Effect.onInterrupt(() => Effect.flatMap(Fiber.interrupt(call), defectsOf)),
        Effect.ensuring(Effect.zipRight(Fiber.interrupt(limiting), Fiber.inheritAll(call)))
      )
      return yield* isOver && Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause) ? restore(onLimit) : exit
    })
  )

/**
 * Runs an effect for at most `ms` milliseconds, then interrupts it and continues with `onTimeout`.
 *
 * @see endedBy
 */
export const timeLimit = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  ms: number,
  onTimeout: Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E | E2, R | R2> => endedBy(self, Effect.sleep(ms), onTimeout)
