import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { findInstructions, onEnd, over, plain, suspend } from "../../../src/internal/runtime/interruption.js"

const instructions = findInstructions()

type Resume = (result: Effect.Effect<number, string>) => void

/** A wait whose callbacks and cleanings are seen. */
const waiting = (wait: typeof suspend) => {
  const seen = { resumes: [] as Array<Resume>, cleaned: 0 }
  const effect = wait<number, string>(
    (resume) => {
      seen.resumes.push(resume)
    },
    Effect.sync(() => {
      seen.cleaned++
    })
  )
  return { seen, effect }
}

it("the instructions of this version of Effect are known", () => {
  assert.isDefined(instructions)
  assert.notStrictEqual(suspend, plain.suspend)
})

describe.each([
  { name: "over instructions", operators: over(instructions!) },
  { name: "of Effect itself", operators: plain }
])("operators $name", ({ operators }) => {
  it.effect("wait for their callback, and take the first one", () =>
    Effect.gen(function*() {
      const { effect, seen } = waiting(operators.suspend)
      const fiber = yield* Effect.fork(effect)
      yield* Effect.yieldNow()
      seen.resumes[0]!(Effect.succeed(1))
      seen.resumes[0]!(Effect.succeed(2))
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.succeed(1))
      assert.strictEqual(seen.cleaned, 0)
    }))

  it.effect("are called back at once", () =>
    Effect.gen(function*() {
      const effect = operators.suspend<number, string>((resume) => resume(Effect.succeed(3)), Effect.die("cleaned"))
      assert.strictEqual(yield* effect, 3)
    }))

  it.effect("fail with the error of their callback, and clean nothing", () =>
    Effect.gen(function*() {
      const { effect, seen } = waiting(operators.suspend)
      const fiber = yield* Effect.fork(effect)
      yield* Effect.yieldNow()
      seen.resumes[0]!(Effect.fail("refused"))
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("refused"))
      assert.strictEqual(seen.cleaned, 0)
    }))

  it.effect("clean up once when interrupted, and a late callback is none", () =>
    Effect.gen(function*() {
      const { effect, seen } = waiting(operators.suspend)
      const fiber = yield* Effect.fork(effect)
      yield* Effect.yieldNow()
      const exit = yield* Fiber.interrupt(fiber)
      seen.resumes[0]!(Effect.succeed(1))
      assert.isTrue(Exit.isInterrupted(exit))
      assert.strictEqual(seen.cleaned, 1)
    }))

  it.effect("are not interrupted where interruption is masked", () =>
    Effect.gen(function*() {
      const { effect, seen } = waiting(operators.suspend)
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.map(effect, (n) => n + 1)))
      yield* Effect.yieldNow()
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow()
      assert.strictEqual(seen.cleaned, 0)
      seen.resumes[0]!(Effect.succeed(1))
      yield* Fiber.await(fiber)
      assert.strictEqual(seen.cleaned, 0)
    }))

  it.effect("wait as often as they are run", () =>
    Effect.gen(function*() {
      const { effect, seen } = waiting(operators.suspend)
      const fibers = [yield* Effect.fork(effect), yield* Effect.fork(effect)]
      yield* Effect.yieldNow()
      assert.strictEqual(seen.resumes.length, 2)
      seen.resumes[1]!(Effect.succeed(2))
      seen.resumes[0]!(Effect.succeed(1))
      assert.deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), [1, 2])
    }))

  it.effect("die of what registering throws", () =>
    Effect.gen(function*() {
      const effect = operators.suspend<number, string>(() => {
        throw new Error("no socket")
      }, Effect.void)
      const exit = yield* Effect.exit(effect)
      assert.isTrue(Exit.isFailure(exit) && Option.isSome(Cause.dieOption(exit.cause)))
    }))

  it.effect("see each end once: a value, an error, a defect, an interruption", () =>
    Effect.gen(function*() {
      const ends: Array<string> = []
      const seen = <A, E>(self: Effect.Effect<A, E>) =>
        operators.onEnd(self, {
          onFailure: (cause) => {
            ends.push(Cause.isInterrupted(cause) ? "interrupted" : Cause.isDie(cause) ? "died" : "failed")
            return Effect.failCause(cause)
          },
          onSuccess: (value) => {
            ends.push("succeeded")
            return Effect.succeed(value)
          }
        })
      assert.deepStrictEqual(yield* Effect.exit(seen(Effect.succeed(1))), Exit.succeed(1))
      assert.deepStrictEqual(yield* Effect.exit(seen(Effect.fail("no"))), Exit.fail("no"))
      assert.deepStrictEqual(yield* Effect.exit(seen(Effect.die("bug"))), Exit.die("bug"))
      const fiber = yield* Effect.fork(seen(Effect.never))
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.deepStrictEqual(ends, ["succeeded", "failed", "died", "interrupted"])
    }))

  it.effect("cannot be interrupted between an end and its handler", () =>
    Effect.gen(function*() {
      let handled = false
      const self: Effect.Effect<number> = Effect.withFiberRuntime((fiber) => {
        fiber.unsafeInterruptAsFork(fiber.id())
        return Effect.succeed(1)
      })
      const effect = operators.onEnd(Effect.uninterruptible(self), {
        onFailure: (cause) => {
          handled = true
          return Effect.failCause(cause)
        },
        onSuccess: (value) =>
          Effect.zipRight(
            Effect.yieldNow(),
            Effect.sync(() => {
              handled = true
              return value
            })
          )
      })
      yield* Fiber.await(yield* Effect.fork(effect))
      assert.isTrue(handled)
    }))
})

it("what the SDK uses ends as Effect's own does", () => {
  assert.deepStrictEqual(
    Effect.runSync(onEnd(Effect.succeed(1), { onFailure: Effect.failCause, onSuccess: (n) => Effect.succeed(n + 1) })),
    2
  )
})
