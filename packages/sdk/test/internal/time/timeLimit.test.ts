import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  FiberRef,
  HashMap,
  HashSet,
  Option,
  Scope,
  Supervisor,
  TestClock
} from "effect"
import { timeLimit } from "../../../src/internal/core/time.js"

const late = Effect.fail("late" as const)

/** A limit of ten seconds. */
const limited = <A, E, R>(self: Effect.Effect<A, E, R>) => timeLimit(self, 10_000, late)

/** An effect that never ends, and what became of it. */
const endless = Effect.gen(function*() {
  const begun = yield* Deferred.make<void>()
  const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
  const self = Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never).pipe(
    Effect.onExit((exit) => Deferred.succeed(ended, exit))
  )
  return { self, begun: Deferred.await(begun), ended: Deferred.await(ended) }
})

/** A paid call: it ends when `pay` is run, unless it is interrupted first. */
const paid = Effect.gen(function*() {
  const begun = yield* Deferred.make<void>()
  const answer = yield* Deferred.make<string>()
  return {
    self: Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(answer)),
    begun: Deferred.await(begun),
    pay: Deferred.succeed(answer, "paid")
  }
})

describe("time", () => {
  it.effect("a result, an error and a defect before the limit are those of the effect", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.exit(limited(Effect.succeed(1))), Exit.succeed(1))
      assert.deepStrictEqual(yield* Effect.exit(limited(Effect.fail("x"))), Exit.fail("x"))
      assert.deepStrictEqual(yield* Effect.exit(limited(Effect.die("x"))), Exit.die("x"))
    }))

  it.effect("the limit ends the effect at its instant, and its finalizers have run", () =>
    Effect.gen(function*() {
      let cleaned = false
      const self = Effect.onInterrupt(Effect.never, () => Effect.sync(() => cleaned = true))
      const fiber = yield* Effect.fork(Effect.exit(limited(self)))
      yield* TestClock.adjust("9999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("late"))
      assert.isTrue(cleaned)
    }))

  it.effect("the limit waits for a region that must not be interrupted, and keeps its error", () =>
    Effect.gen(function*() {
      for (const [ending, expected] of [[Effect.void, "late"], [Effect.fail("refused"), "refused"]] as const) {
        const fiber = yield* Effect.fork(Effect.flip(limited(
          Effect.uninterruptible(Effect.zipRight(Effect.sleep("11 seconds"), ending))
        )))
        yield* TestClock.adjust("10 seconds")
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), expected)
      }
    }))

  it.effect("a finalizer that dies at the limit is not hidden", () =>
    Effect.gen(function*() {
      const self = Effect.onInterrupt(Effect.never, () => Effect.die("broken"))
      const fiber = yield* Effect.fork(Effect.exit(limited(self)))
      yield* TestClock.adjust("10 seconds")
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        Exit.isFailure(exit) ? Chunk.toReadonlyArray(Cause.defects(exit.cause)) : [],
        ["broken"]
      )
    }))

  it.effect("`onTimeout` may succeed", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(timeLimit(Effect.never, 10, Effect.succeed("part")))
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "part")
    }))
})

describe("interruption", () => {
  it.effect("a failed sibling ends the effect at once", () =>
    Effect.gen(function*() {
      const { begun, ended, self } = yield* endless
      const exit = yield* Effect.exit(
        Effect.all([limited(self), Effect.zipRight(begun, Effect.fail("x"))], { concurrency: 2 })
      )
      assert.strictEqual(Exit.isFailure(exit) && Option.getOrNull(Cause.failureOption(exit.cause)), "x")
      assert.isTrue(Exit.isInterrupted(yield* ended))
    }))

  it.effect("an interrupted caller waits for the finalizers, and keeps who interrupted and what died", () =>
    Effect.gen(function*() {
      let cleaned = false
      const { begun, self } = yield* endless
      const fiber = yield* Effect.fork(limited(Effect.onInterrupt(self, () =>
        Effect.zipRight(
          Effect.yieldNow(),
          Effect.suspend(() => {
            cleaned = true
            return Effect.die("broken")
          })
        ))))
      yield* begun
      const interruptor = FiberId.runtime(1_234_567, 0)
      const exit = yield* Fiber.interruptAs(fiber, interruptor)
      assert.isTrue(cleaned)
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) {
        assert.isTrue(HashSet.has(Cause.interruptors(exit.cause), interruptor))
        assert.deepStrictEqual(Chunk.toReadonlyArray(Cause.defects(exit.cause)), ["broken"])
        assert.isTrue(Chunk.isEmpty(Cause.failures(exit.cause)))
      }
    }))

  it.effect("an effect that interrupts itself is interrupted, and has not timed out", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(limited(Effect.interrupt))
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
    }))

  it.effect("the limit ends the effect in an uninterruptible region", () =>
    Effect.gen(function*() {
      const { begun, ended, self } = yield* endless
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.exit(limited(self))))
      yield* begun
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("late"))
      assert.isTrue(Exit.isInterrupted(yield* ended))
    }))

  it.effect("a caller that is interrupted in an uninterruptible region has its result", () =>
    Effect.gen(function*() {
      const { begun, pay, self } = yield* paid
      const kept = yield* Deferred.make<string, "late">()
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.intoDeferred(limited(self), kept)))
      yield* begun
      yield* Fiber.interruptFork(fiber)
      yield* TestClock.adjust("9 seconds")
      yield* pay
      assert.strictEqual(yield* Deferred.await(kept), "paid")
    }))

  it.effect("a caller that is interrupted in an uninterruptible region still has its limit", () =>
    Effect.gen(function*() {
      const { begun, self } = yield* endless
      const kept = yield* Deferred.make<never, "late">()
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.intoDeferred(limited(self), kept)))
      yield* begun
      yield* Fiber.interruptFork(fiber)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Effect.flip(Deferred.await(kept)), "late")
    }))

  it.effect("a caller that was interrupted before it called has its result, and the limit ends it", () =>
    Effect.gen(function*() {
      const { pay, self } = yield* paid
      const asleep = yield* Deferred.make<void>()
      const results = yield* Deferred.make<unknown>()
      const fiber = yield* Effect.fork(Effect.uninterruptible(
        Effect.zipRight(
          Deferred.await(asleep),
          Effect.all([Effect.exit(limited(self)), Effect.exit(limited(Effect.never))])
        ).pipe(
          Effect.intoDeferred(results)
        )
      ))
      yield* Effect.yieldNow()
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(asleep, undefined)
      yield* pay
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Deferred.await(results), [Exit.succeed("paid"), Exit.fail("late")])
    }))

  it.effect("limits within limits end by their own clock, in a region that is masked and among siblings", () =>
    Effect.gen(function*() {
      const inner = timeLimit(Effect.never, 3_000, Effect.fail("inner" as const))
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.exit(limited(inner))))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("inner"))

      const outer = yield* Effect.fork(
        Effect.exit(timeLimit(limited(Effect.never), 2_000, Effect.fail("outer" as const)))
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(outer), Exit.fail("outer"))
    }))
})

describe("the caller's fiber", () => {
  class Service extends Context.Tag("Service")<Service, number>() {}

  const counter = FiberRef.unsafeMake(0)

  it.effect("changes of fiber refs are visible after a result, an error, the limit and an interruption", () =>
    Effect.gen(function*() {
      const ends: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        Effect.void,
        Effect.fail("x"),
        Effect.die("x"),
        Effect.never
      ]
      for (const [index, end] of ends.entries()) {
        const fiber = yield* Effect.fork(
          Effect.zipRight(
            Effect.exit(limited(Effect.zipRight(FiberRef.set(counter, index + 1), end))),
            FiberRef.get(counter)
          )
        )
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), index + 1)
      }
      const seen = yield* Deferred.make<number>()
      const { begun, self } = yield* endless
      const fiber = yield* Effect.fork(
        Effect.ensuring(
          limited(Effect.zipRight(FiberRef.set(counter, 7), self)),
          Effect.flatMap(FiberRef.get(counter), (value) => Deferred.succeed(seen, value))
        )
      )
      yield* begun
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Deferred.await(seen), 7)
    }))

  it.effect("its refs, context, span and log annotations are seen inside", () =>
    Effect.gen(function*() {
      const [ref, service, span, annotations] = yield* limited(
        Effect.all([
          FiberRef.get(counter),
          Service,
          Effect.currentSpan,
          Effect.logAnnotations
        ])
      ).pipe(
        Effect.annotateLogs("request", "r1"),
        Effect.withSpan("call"),
        Effect.locally(counter, 5),
        Effect.provideService(Service, 3)
      )
      assert.deepStrictEqual([ref, service, span.name], [5, 3, "call"])
      assert.strictEqual(Option.getOrNull(HashMap.get(annotations, "request")), "r1")
    }))

  it.effect("a resource that is acquired inside lives as long as the caller's scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const acquired = Effect.acquireRelease(
        Effect.sync(() => log.push("open")),
        () => Effect.sync(() => log.push("closed"))
      )
      yield* Scope.extend(limited(acquired), scope)
      assert.deepStrictEqual(log, ["open"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["open", "closed"])
    }))

  it.effect("an Effect.timeout or a race inside ends with the limit, and with a failed sibling", () =>
    Effect.gen(function*() {
      for (
        const wrapped of [
          (self: Effect.Effect<never>) => Effect.timeout(self, "1 hour"),
          (self: Effect.Effect<never>) => Effect.race(self, Effect.never),
          (self: Effect.Effect<never>) => Effect.all([self, Effect.timeout(Effect.never, "1 hour")], { concurrency: 2 })
        ]
      ) {
        const { ended, self } = yield* endless
        const fiber = yield* Effect.fork(Effect.flip(limited(wrapped(self))))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), "late")
        assert.isTrue(Exit.isInterrupted(yield* ended))

        const other = yield* endless
        const failing = Effect.zipRight(other.begun, Effect.fail("sibling"))
        const both = Effect.all([limited(wrapped(other.self)), failing], { concurrency: 2 })
        assert.strictEqual(yield* Effect.flip(both), "sibling")
        assert.isTrue(Exit.isInterrupted(yield* other.ended))
      }
    }))

  it.effect("a fiber that is forked inside ends with the effect", () =>
    Effect.gen(function*() {
      const { begun, ended, self } = yield* endless
      yield* limited(Effect.zipRight(Effect.fork(self), begun))
      assert.isTrue(Exit.isInterrupted(yield* ended))
    }))

  it.effect("no fiber is left, whatever the end", () =>
    Effect.gen(function*() {
      const supervisor = yield* Supervisor.track
      const { begun, self } = yield* endless
      yield* Effect.gen(function*() {
        yield* limited(Effect.void)
        yield* Effect.exit(limited(Effect.fail("x")))
        const timed = yield* Effect.fork(Effect.exit(limited(Effect.never)))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(timed)
        const interrupted = yield* Effect.fork(limited(self))
        yield* begun
        yield* Fiber.interrupt(interrupted)
      }).pipe(Effect.supervised(supervisor))
      assert.deepStrictEqual((yield* supervisor.value).map((fiber) => fiber.id()), [])
    }))
})
