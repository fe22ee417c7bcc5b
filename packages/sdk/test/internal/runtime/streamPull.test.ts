import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as StreamPull from "../../../src/internal/runtime/streamPull.js"

/** Gives its chunks and then ends, or fails if `failure` is given; writes down what happens to it. */
const source = (chunks: ReadonlyArray<ReadonlyArray<number>>, failure?: string) => {
  const log: Array<string> = []
  const stream = StreamPull.fromPull<number, string>(
    Effect.acquireRelease(
      Effect.sync(() => {
        log.push("open")
        let at = 0
        return Effect.suspend(() => {
          const chunk = chunks[at++]
          log.push("pull")
          return chunk === undefined
            ? Effect.fail(Option.fromNullable(failure))
            : Effect.succeed(Chunk.fromIterable(chunk))
        })
      }),
      () => Effect.sync(() => log.push("close"))
    )
  )
  return { log, stream }
}

const pulled = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.scoped(Effect.gen(function*() {
    const pull = yield* StreamPull.toPull(stream)
    const values: Array<A> = []
    const more: Effect.Effect<Option.Option<E>> = Effect.matchEffect(pull, {
      onFailure: Effect.succeed,
      onSuccess: (chunk) => {
        values.push(...chunk)
        return more
      }
    })
    return { end: yield* more, values }
  }))

const forms: ReadonlyArray<
  readonly [string, (stream: Stream.Stream<number, string>) => Stream.Stream<number, string>]
> = [
  ["as it is", (stream) => stream],
  ["unwrapped", (stream) => StreamPull.unwrap(Effect.succeed(stream))],
  ["unwrapped twice", (stream) => StreamPull.unwrap(Effect.succeed(StreamPull.unwrap(Effect.succeed(stream))))]
]

describe.each(forms)("a stream of a pull, %s", (_, form) => {
  it.effect("gives the same pulled as read", () =>
    Effect.gen(function*() {
      const read = source([[1, 2], [3]])
      const taken = source([[1, 2], [3]])
      const values = yield* Stream.runCollect(form(read.stream))
      const { end, values: others } = yield* pulled(form(taken.stream))
      assert.deepStrictEqual([...values], [1, 2, 3])
      assert.deepStrictEqual(others, [1, 2, 3])
      assert.isTrue(Option.isNone(end))
      assert.deepStrictEqual(taken.log, ["open", "pull", "pull", "pull", "close"])
      assert.deepStrictEqual(read.log, taken.log)
    }))

  it.effect("fails the same pulled as read", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Stream.runDrain(form(source([[1]], "cut").stream)))
      const { end, values } = yield* pulled(form(source([[1]], "cut").stream))
      assert.deepStrictEqual(exit, Exit.fail("cut"))
      assert.deepStrictEqual(values, [1])
      assert.strictEqual(Option.getOrUndefined(end), "cut")
    }))

  it.effect("opens nothing before the first pull, and closes with the scope", () =>
    Effect.gen(function*() {
      const { log, stream } = source([[1], [2]])
      const scope = yield* Scope.make()
      const pull = yield* Scope.extend(StreamPull.toPull(form(stream)), scope)
      assert.deepStrictEqual(log, [])
      yield* pull
      assert.deepStrictEqual(log, ["open", "pull"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["open", "pull", "close"])
    }))
})

it.effect("what fails to open fails the first pull", () =>
  Effect.gen(function*() {
    const { end } = yield* pulled(StreamPull.unwrap(Effect.succeed(StreamPull.fromPull(Effect.fail("no")))))
    assert.strictEqual(Option.getOrUndefined(end), "no")
  }))

it.effect("any other stream is pulled as it is", () =>
  Effect.gen(function*() {
    const { end, values } = yield* pulled(StreamPull.unwrap(Effect.succeed(Stream.make(1, 2))))
    assert.deepStrictEqual(values, [1, 2])
    assert.isTrue(Option.isNone(end))
  }))
