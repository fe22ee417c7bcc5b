/** The streams of the SDK are pulled as they are made; any other stream is read in a scope. */
import { type FlowEvent, FlowService } from "@effect-noukai/sdk"
import { layer as flowLayer } from "@effect-noukai/sdk/FlowService"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { assert, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Layer, Option, Stream } from "effect"
import { toSource } from "../src/internal/stream/streamReader.js"

const answer = Stream.fromIterable<FlowEvent.WireEvent>([
  { type: "run_started", executionId: "ex-1" },
  { type: "step_completed", stepId: "a", output: 1 },
  { type: "flow_completed", result: 1 }
])

const pulled = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function*() {
    const source = toSource(stream)
    const chunks: Array<ReadonlyArray<A>> = []
    while (true) {
      const chunk = yield* Effect.either(source.pull)
      if (chunk._tag === "Left") return { chunks, end: chunk.left, close: source.close }
      chunks.push(Chunk.toReadonlyArray(chunk.right))
    }
  })

it.effect("any stream is pulled to its end, and closed once", () =>
  Effect.gen(function*() {
    let closed = 0
    const stream = Stream.ensuring(
      Stream.make(1, 2),
      Effect.sync(() => {
        closed++
      })
    )
    const { chunks, close, end } = yield* pulled(stream)
    yield* close(Exit.void)
    assert.deepStrictEqual(chunks, [[1, 2]])
    assert.deepStrictEqual(end, Option.none())
    assert.strictEqual(closed, 1)
  }))

it.effect("a stream that fails gives its error", () =>
  Effect.gen(function*() {
    const { end } = yield* pulled(Stream.concat(Stream.make(1), Stream.fail("lost")))
    assert.deepStrictEqual(end, Option.some("lost"))
  }))

it.effect("a stream that is closed before it was pulled opens nothing", () =>
  Effect.gen(function*() {
    let opened = 0
    const source = toSource(Stream.fromEffect(Effect.sync(() => ++opened)))
    yield* source.close(Exit.void)
    assert.strictEqual(opened, 0)
  }))

it.effect("a stream of the SDK is pulled as it is made", () =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const events = () => flows.events("acme/support/greet", { message: "hi" })
    assert.isTrue(Symbol.for("@effect-noukai/sdk/makeSource") in events())
    const { chunks, close, end } = yield* pulled(events())
    yield* close(Exit.void)
    assert.deepStrictEqual(chunks.flat().map(({ type }) => type), ["run_started", "step_completed", "flow_completed"])
    assert.deepStrictEqual(end, Option.none())
  }).pipe(Effect.provide(Layer.provide(flowLayer, layerScripted({ step: [answer] })))))
