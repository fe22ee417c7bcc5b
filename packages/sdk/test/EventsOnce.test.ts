/** The events of the run of a key: begun by one call, followed by all others. */
import { Emulator, type EmulatorOptions, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { type EventsOnceInput, FlowService, Noukai, RunService } from "@effect-noukai/sdk"
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { executeOnce, flows, runs, setup as emulated } from "./support/once.js"

const ref = "acme/test/three"

const three: EmulatedFlow = {
  ref,
  steps: ["a", "b", "c"].map((id, place) => ({
    kind: "template" as const,
    id,
    output: { step: id },
    costUsd: `0.${place + 1}`,
    duration: "20 millis"
  }))
}

const askingSteps: EmulatedFlow["steps"] = [
  { kind: "template", id: "before", output: "?", costUsd: "0.01" },
  { kind: "tool", id: "ask", rounds: [[{ name: "one" }], [{ name: "two" }]], output: "{{tools.two}}", costUsd: "0.1" },
  { kind: "template", id: "after", output: { said: "{{input}}" }, costUsd: "1" }
]

const asking: EmulatedFlow = {
  ref: "acme/test/asking",
  steps: askingSteps,
  versions: { 1: { steps: askingSteps } }
}

const setup = (options: EmulatorOptions = {}) => emulated({ flows: [...flows, three, asking], ...options })

const eventsOnce = (key: string, flow = ref, input: EventsOnceInput = {}) =>
  Stream.unwrap(Effect.map(FlowService, (service) => service.eventsOnce(key, flow, { message: "hi", ...input })))

const all = (key: string, flow = ref, input: EventsOnceInput = {}) =>
  Effect.map(Stream.runCollect(eventsOnce(key, flow, input)), Chunk.toReadonlyArray)

const typesOf = (events: Iterable<FlowEvent>) => Array.from(events, ({ type }) => type)

const whole = [
  "run_started",
  ...["step_started", "step_completed", "step_paused"],
  ...["step_started", "step_completed", "step_paused"],
  ...["step_started", "step_completed", "flow_completed"]
]

const shown = (events: Iterable<FlowEvent>) => typesOf(events).filter((type) => whole.includes(type))

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

describe("eventsOnce", () => {
  it.scopedLive("begins the run of a key, and gives its events again", () =>
    Effect.gen(function*() {
      const begun = yield* all("k")
      assert.deepStrictEqual(shown(begun), whole)
      const again = yield* all("k")
      assert.deepStrictEqual(typesOf(again), typesOf(begun))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(begun)))
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup())))

  it.scopedLive("is one run with executeOnce", () =>
    Effect.gen(function*() {
      yield* all("k")
      assert.deepInclude(yield* executeOnce("k", ref), { reused: true, result: { step: "c" } })
      yield* executeOnce("other", "acme/test/echo")
      assert.deepStrictEqual(shown(yield* all("other", "acme/test/echo")).at(-1), "flow_completed")
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scopedLive("follows a run that another client begins", () =>
    Effect.gen(function*() {
      const other = Effect.provide(all("k"), Layer.fresh(Noukai.layerServices))
      const [a, b] = yield* Effect.all([all("k"), other], { concurrency: 2 })
      assert.deepStrictEqual(shown(a), whole)
      assert.deepStrictEqual(typesOf(b), typesOf(a))
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup())))

  /** Begins a run and leaves it in its second step. */
  const left = Effect.gen(function*() {
    const second = yield* Deferred.make<void>()
    const fiber = yield* eventsOnce("k").pipe(
      Stream.tap((event) =>
        event.type === "step_started" && event.stepId === "b" ? Deferred.succeed(second, undefined) : Effect.void
      ),
      Stream.runDrain,
      Effect.fork
    )
    yield* Deferred.await(second)
    yield* Fiber.interrupt(fiber)
  })

  it.scopedLive("fails when the run is silent", () =>
    Effect.gen(function*() {
      yield* left
      const error = yield* Effect.flip(all("k", ref, { silence: "200 millis" }))
      assert.strictEqual(error._tag, "RunInProgressError")
    }).pipe(Effect.provide(setup())))

  it.scopedLive("takes over where the run is, and pays the step that was cut again", () =>
    Effect.gen(function*() {
      yield* left
      const events = yield* all("k", ref, { silence: "200 millis", takeOver: true })
      assert.deepStrictEqual(shown(events).filter((type) => type === "step_completed"), [
        "step_completed",
        "step_completed",
        "step_completed"
      ])
      assert.deepInclude(events.at(-1), { type: "flow_completed", result: { step: "c" } })
      const { billedUsd, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["0.6", 1])
    }).pipe(Effect.provide(setup())))

  it.scopedLive("the pause of a live trace has the version of the run, and is answered", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const traces = yield* RunService
      const tools = ["one", "two"].map((name) => ({ type: "function", function: { name } }) as const)
      const seen = yield* Stream.runCollect(
        service.events("acme/test/asking", { message: "?", tools, version: 1, snapshots: true })
      )
      const paused = Chunk.unsafeLast(seen)
      assert(paused.type === "tool_calls_required")
      const watch = Effect.fnUntraced(function*(count: number) {
        const events = yield* Stream.runCollect(
          traces.liveTrace("acme/test/asking", paused.executionId, { version: 1, tools }).pipe(
            Stream.filter((event) => event.type === "tool_calls_required"),
            Stream.take(count)
          )
        )
        const last = Chunk.unsafeLast(events)
        assert(last.type === "tool_calls_required")
        assert.deepInclude(last.cursor, { flowVersion: 1, executionId: paused.executionId })
        const answers = last.toolCalls.map(({ id, name }) => ({ toolCallId: id, content: `it is ${name}` }))
        return yield* Stream.runCollect(last.resume(answers))
      })
      const next = Chunk.unsafeLast(yield* watch(1))
      assert.strictEqual(next.type, "tool_calls_required")
      assert.deepInclude(Chunk.unsafeLast(yield* watch(2)), { type: "flow_completed", result: { said: "it is two" } })
      const { billedUsd, requests, runs } = yield* ledger
      assert.deepStrictEqual([billedUsd, runs.length], ["1.11", 1])
      const posts = requests.filter(({ method }) => method === "POST")
      assert.isTrue(posts.every(({ target }) => target.endsWith("/v1/step")))
    }).pipe(Effect.provide(setup())))
})
