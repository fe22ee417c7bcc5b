import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as StreamPull from "../../../src/internal/core/streamPull.js"

/** Gives its chunks and then ends, or fails if `failure` is given; writes down what happens to it. */
const source = (chunks: ReadonlyArray<ReadonlyArray<number>>, failure?: string) => {
  const log: Array<string> = []
  const stream = StreamPull.fromSource<number, string>(() => {
    let at = 0
    return {
      pull: Effect.suspend(() => {
        if (at === 0) log.push("open")
        const chunk = chunks[at++]
        log.push("pull")
        return chunk === undefined
          ? Effect.fail(Option.fromNullable(failure))
          : Effect.succeed(Chunk.fromIterable(chunk))
      }),
      close: (exit) => Effect.sync(() => log.push(`close ${exit._tag}`))
    }
  })
  return { log, stream }
}

const pulled = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function*() {
    const { close, pull } = StreamPull.toSource(stream)
    const values: Array<A> = []
    const more: Effect.Effect<Option.Option<E>> = Effect.matchEffect(pull, {
      onFailure: Effect.succeed,
      onSuccess: (chunk) => {
        values.push(...chunk)
        return more
      }
    })
    const end = yield* more
    yield* close(Option.isSome(end) ? Exit.fail(end.value) : Exit.void)
    return { end, values }
  })

type Form = (stream: Stream.Stream<number, string>) => Stream.Stream<number, string>

const deferred: Form = (stream) =>
  StreamPull.fromSource(() => StreamPull.deferred(Effect.sync(() => StreamPull.toSource(stream))))

const forms: ReadonlyArray<readonly [string, Form]> = [
  ["as it is", (stream) => stream],
  ["deferred", deferred],
  ["deferred twice", (stream) => deferred(deferred(stream))],
  ["as any other stream", (stream) => Stream.map(stream, (value) => value)]
]

describe.each(forms)("a stream of a source, %s", (_, form) => {
  it.effect("gives the same pulled as read", () =>
    Effect.gen(function*() {
      const read = source([[1, 2], [3]])
      const taken = source([[1, 2], [3]])
      const values = yield* Stream.runCollect(form(read.stream))
      const { end, values: others } = yield* pulled(form(taken.stream))
      assert.deepStrictEqual([...values], [1, 2, 3])
      assert.deepStrictEqual(others, [1, 2, 3])
      assert.isTrue(Option.isNone(end))
      assert.deepStrictEqual(taken.log, ["open", "pull", "pull", "pull", "close Success"])
      assert.deepStrictEqual(read.log, taken.log)
    }))

  it.effect("fails the same pulled as read", () =>
    Effect.gen(function*() {
      const read = source([[1]], "cut")
      const exit = yield* Effect.exit(Stream.runDrain(form(read.stream)))
      const { end, values } = yield* pulled(form(source([[1]], "cut").stream))
      assert.deepStrictEqual(exit, Exit.fail("cut"))
      assert.deepStrictEqual(values, [1])
      assert.strictEqual(Option.getOrUndefined(end), "cut")
      assert.deepStrictEqual(read.log, ["open", "pull", "pull", "close Failure"])
    }))

  it.effect("opens nothing before the first pull, and closes when it is left", () =>
    Effect.gen(function*() {
      const { log, stream } = source([[1], [2]])
      const { close, pull } = StreamPull.toSource(form(stream))
      assert.deepStrictEqual(log, [])
      yield* pull
      assert.deepStrictEqual(log, ["open", "pull"])
      yield* close(Exit.void)
      assert.deepStrictEqual(log, ["open", "pull", "close Success"])
    }))

  it.effect("closes with the scope that it is pulled in", () =>
    Effect.gen(function*() {
      const { log, stream } = source([[1], [2]])
      const scope = yield* Scope.make()
      const pull = yield* Scope.extend(Stream.toPull(form(stream)), scope)
      assert.deepStrictEqual(log, [])
      yield* pull
      assert.deepStrictEqual(log, ["open", "pull"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["open", "pull", "close Success"])
    }))

  it.effect("closes once, when a reader takes only a part, and when one is interrupted", () =>
    Effect.gen(function*() {
      const taken = source([[1], [2]])
      assert.deepStrictEqual([...(yield* Stream.runCollect(Stream.take(form(taken.stream), 1)))], [1])
      assert.deepStrictEqual(taken.log, ["open", "pull", "close Success"])
      const left = source([[1], [2]])
      const reached = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Stream.runForEach(
        form(left.stream),
        () => Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)
      ))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(left.log.map((entry) => entry.split(" ")[0]), ["open", "pull", "close"])
    }))

  it.effect("begins anew each time it is read", () =>
    Effect.gen(function*() {
      const { log, stream } = source([[1]])
      const read = form(stream)
      assert.deepStrictEqual([...(yield* Stream.runCollect(read))], [1])
      assert.deepStrictEqual([...(yield* Stream.runCollect(read))], [1])
      assert.lengthOf(log.filter((entry) => entry === "open"), 2)
    }))
})

it.effect("what fails to open fails the first pull", () =>
  Effect.gen(function*() {
    const { end } = yield* pulled(
      StreamPull.fromSource(() => StreamPull.deferred<never, string, never>(Effect.fail("no")))
    )
    assert.strictEqual(Option.getOrUndefined(end), "no")
  }))

it.effect("any other stream is pulled as it is", () =>
  Effect.gen(function*() {
    const { end, values } = yield* pulled(Stream.make(1, 2))
    assert.deepStrictEqual(values, [1, 2])
    assert.isTrue(Option.isNone(end))
  }))

describe("a program, wherever its reader yields to it", () => {
  /** Runs an effect in fibers that yield, after 2,048 operations, at each of its operations in turn. */
  const yieldingAnywhere = <A, E>(make: () => Effect.Effect<A, E>, expected: A) =>
    Effect.forEach(Array.from({ length: 60 }, (_, at) => 2000 + at), (operations) => {
      let self = make()
      for (let at = 0; at < operations; at++) {
        const inner = self
        self = Effect.suspend(() => inner)
      }
      return Effect.map(
        Effect.timeoutOption(self, "1 second"),
        (value) => assert.deepStrictEqual(Option.getOrThrow(value), expected, String(operations))
      )
    })

  it.live("gives all its elements", () =>
    yieldingAnywhere(() => {
      const { pull } = StreamPull.fromProgram<number, never, never>((emit) =>
        Effect.zipRight(emit([1]), Effect.zipRight(emit([2]), emit([3])))
      )
      return Effect.gen(function*() {
        const values: Array<number> = []
        for (let at = 0; at < 3; at++) values.push(...(yield* Effect.orElseSucceed(pull, () => Chunk.of(NaN))))
        return values
      })
    }, [1, 2, 3]))

  it.live("ends with it", () =>
    yieldingAnywhere(() => {
      const { pull } = StreamPull.fromProgram<number, never, never>(() => Effect.void)
      return Effect.flip(pull)
    }, Option.none()))
})
