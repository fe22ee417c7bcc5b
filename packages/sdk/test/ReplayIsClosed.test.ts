/** Nothing inside a replay goes live, whatever scope is entered there, by whatever way. */
import * as RelayServer from "@effect-noukai/adapters/Relay"
import * as Testing from "@effect-noukai/report/testing"
import { FlowService, JobService, type NoukaiHttp, RunService, TraceScope } from "@effect-noukai/sdk"
import { layerOverHttp, layerScripted, layerServices } from "@effect-noukai/sdk/Noukai"
import { layerHttpClient } from "@effect-noukai/sdk/NoukaiHttp"
import * as NoukaiReplay from "@effect-noukai/sdk/NoukaiReplay"
import * as Relay from "@effect-noukai/sdk/Relay"
import * as Scripted from "@effect-noukai/sdk/testing"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Either, Fiber, Layer, ManagedRuntime, Runtime, Stream } from "effect"
import { config } from "./support/client.js"
import { execution, otherId, session, sessionId } from "./support/sessions.js"

const flow = "acme/test/a"

const recorded = (id: string, ...results: ReadonlyArray<unknown>) => ({
  ...session(...results.map((value) => execution("a", "execute", value))),
  sessionId: id
})

/** A `NoukaiHttp` that would answer any number of runs, and these sessions. */
const live = (...sessions: ReadonlyArray<ReturnType<typeof recorded>>) =>
  Layer.provideMerge(
    layerOverHttp,
    layerScripted({
      execute: Array.from({ length: 5 }, () => Testing.completed("live")),
      session: sessions.map((one) => Effect.succeed(one)),
      defaults: { replayEnabled: true }
    })
  )

const call = Effect.flatMap(FlowService, (flows) => flows.execute(flow, {}))

type Call = typeof call

/** Every endpoint that was asked for. */
const asked = Effect.flatMap(
  Scripted.ScriptedHttp,
  (http) => Effect.map(http.calls, (calls) => calls.map(({ endpoint }) => endpoint))
)

const capturing: TraceScope.Scope = { mode: "capture", sessionId: otherId, http: undefined }

/** By way of a stream. */
const streamed = (through: <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>) => (self: Call): Call =>
  Effect.map(Stream.runCollect(through(Stream.fromEffect(self))), Chunk.unsafeHead)

const within = TraceScope.within

const ways: {
  readonly [name: string]: (self: Call) => Effect.Effect<Effect.Effect.Success<Call>, unknown, FlowService | NoukaiHttp>
} = {
  "nothing": within(undefined),
  "a capture": within(capturing),
  "a stream in nothing": streamed(TraceScope.withinStream(undefined)),
  "a stream in a capture": streamed(TraceScope.withinStream(capturing)),
  "a capture in nothing": (self) => within(undefined)(TraceScope.capture(self)),
  "nothing in a capture": (self) => TraceScope.capture(within(undefined)(self)),
  "nothing in a capture in nothing": (self) => within(undefined)(within(capturing)(within(undefined)(self))),
  "a stream that captures, in nothing": (self) => within(undefined)(streamed(TraceScope.captureStream)(self)),
  "a program that captures, in nothing": (self) => within(undefined)(Effect.provide(self, TraceScope.layerCapture)),
  "nothing, given by hand": (self) => Effect.provideService(self, TraceScope, undefined),
  "a capture, given by hand": (self) => Effect.provideService(self, TraceScope, capturing),
  "nothing within nothing that was given by hand": (self) =>
    Effect.provideService(within(undefined)(self), TraceScope, undefined),
  "a context of nothing": (self) =>
    within(undefined)(
      Effect.mapInputContext(self, (all: Context.Context<FlowService>) => Context.omit(TraceScope)(all) as typeof all)
    ),
  "a fiber of its own": (self) => within(undefined)(Effect.flatMap(Effect.fork(self), Fiber.join)),
  "a daemon": (self) => within(undefined)(Effect.flatMap(Effect.forkDaemon(self), Fiber.join)),
  "a race and a timeout": (self) => within(undefined)(Effect.timeout(Effect.raceFirst(self, Effect.never), "1 minute")),
  "several at once": (self) =>
    within(undefined)(Effect.map(Effect.all([self, Effect.void], { concurrency: 2 }), ([done]) => done)),
  "a runtime taken inside": (self) =>
    within(capturing)(
      Effect.flatMap(Effect.runtime<FlowService>(), (runtime) =>
        Effect.async<Effect.Effect.Success<Call>, unknown>((resume) => {
          Runtime.runFork(runtime)(self).addObserver((exit) =>
            resume(exit)
          )
        }))
    ),
  "a scope opened inside": (self) =>
    within(undefined)(Effect.scoped(Effect.flatMap(TraceScope.open(), ({ scope }) => within(scope)(self)))),
  "what a request may ask for": (self) => within(undefined)(TraceScope.replayOrCapture("")(self)),
  "code that is no Effect, in nothing": (self) =>
    Effect.flatMap(
      Effect.runtime<FlowService>(),
      (runtime) =>
        TraceScope.promise(() =>
          TraceScope.runIn(undefined, async () => {
            await null
            return Runtime.runPromise(runtime)(within(TraceScope.ambient())(self))
          })
        )
    ),
  "code that is no Effect, in a capture": (self) =>
    Effect.flatMap(
      Effect.runtime<FlowService>(),
      (runtime) =>
        TraceScope.promise(() =>
          TraceScope.runIn(capturing, async () => {
            await null
            return Runtime.runPromise(runtime)(within(TraceScope.ambient())(self))
          })
        )
    ),
  "a call from an Effect into code that is no Effect": (self) =>
    Effect.flatMap(
      Effect.sync(() => TraceScope.runIn(undefined, () => TraceScope.ambient())),
      (scope) => within(scope)(self)
    )
}

describe("in a replay, these do not leave it:", () => {
  for (const [name, way] of Object.entries(ways)) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const done = yield* TraceScope.replay(sessionId)(way(call))
        assert.deepStrictEqual([done.result, done.sessionId], ["recorded", sessionId])
        assert.deepStrictEqual(yield* asked, ["session"])
        // and outside one is outside
        assert.strictEqual((yield* call).result, "live")
      }).pipe(Effect.provide(live(recorded(sessionId, "recorded")))))

    if (name.includes("by hand")) continue

    it.effect(`${name}, where the replay was given by hand`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { scope, verify } = yield* TraceScope.open(sessionId)
        const done = yield* Effect.provideService(way(call), TraceScope, scope)
        assert.strictEqual(done.result, "recorded")
        yield* verify
        assert.deepStrictEqual(yield* asked, ["session"])
      })).pipe(Effect.provide(live(recorded(sessionId, "recorded")))))
  }

  it.effect("a stream that was opened outside, pulled inside", () =>
    Effect.scoped(Effect.gen(function*() {
      const pull = yield* Stream.toPull(TraceScope.withinStream(undefined)(Stream.repeatEffect(call)))
      const done = yield* TraceScope.replay(sessionId)(Effect.orDie(Effect.mapError(pull, () => "over")))
      assert.strictEqual(Chunk.unsafeHead(done).result, "recorded")
      assert.deepStrictEqual(yield* asked, ["session"])
    })).pipe(Effect.provide(live(recorded(sessionId, "recorded")))))

  it.effect("services that are built inside, over any transport", () =>
    Effect.gen(function*() {
      const dead = config({ baseUrl: "http://127.0.0.1:1/api/v1", maxRetries: 0 })
      const client = Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.dieMessage("it was sent")))
      const bodies = [
        Effect.provide(call, Layer.provide(layerServices, dead)),
        Effect.provide(call, Layer.provide(Layer.provideMerge(layerOverHttp, layerHttpClient), [dead, client])),
        Effect.provide(call, Relay.layer({ url: "http://127.0.0.1:1/execute", maxRetries: 0 }))
      ]
      const done = yield* TraceScope.replay(sessionId)(within(undefined)(Effect.all(bodies)))
      assert.deepStrictEqual(done.map(({ result }) => result), [1, 2, 3])
      assert.deepStrictEqual(yield* asked, ["session"])
    }).pipe(Effect.provide(live(recorded(sessionId, 1, 2, 3)))))

  it.effect("a named session that was made outside: answered from that session", () =>
    Effect.gen(function*() {
      const named: TraceScope.Scope = { mode: "session", sessionId: otherId, http: undefined }
      const both = Effect.all([call, within(named)(call), streamed(TraceScope.withinStream(named))(call)])
      const done = yield* TraceScope.replay(sessionId)(both)
      assert.deepStrictEqual(done.map(({ result }) => result), ["own", "other 1", "other 2"])
      assert.deepStrictEqual(yield* asked, ["session", "session"])
    }).pipe(Effect.provide(live(recorded(sessionId, "own"), recorded(otherId, "other 1", "other 2")))))

  it.effect("another replay: that one, and afterwards the first", () =>
    Effect.scoped(Effect.gen(function*() {
      const other = yield* TraceScope.open(otherId)
      const done = yield* TraceScope.replay(sessionId)(Effect.all([
        call,
        within(other.scope)(Effect.zipLeft(call, within(undefined)(call))),
        within(undefined)(call)
      ]))
      assert.deepStrictEqual(done.map(({ result }) => result), ["own 1", "other 1", "own 2"])
      yield* other.verify
      assert.deepStrictEqual(yield* asked, ["session", "session"])
    })).pipe(Effect.provide(live(recorded(otherId, "other 1", "other 2"), recorded(sessionId, "own 1", "own 2")))))

  it.effect("a layer of a whole program that was built outside", () =>
    Effect.gen(function*() {
      const program = ManagedRuntime.make(TraceScope.layerCapture)
      yield* program.runtimeEffect
      const inside = within(undefined)(Effect.provide(call, program))
      assert.strictEqual((yield* TraceScope.replay(sessionId)(inside)).result, "recorded")
      assert.deepStrictEqual(yield* asked, ["session"])
      yield* program.disposeEffect
    }).pipe(Effect.provide(live(recorded(sessionId, "recorded")))))

  it.effect("jobs, traces, lists of runs and what is forwarded: a miss, and nothing is sent", () =>
    Effect.gen(function*() {
      const [jobs, runs] = [yield* JobService, yield* RunService]
      const forward = Either.getOrThrow(RelayServer.forward(flow))
      const calls: ReadonlyArray<Effect.Effect<unknown, unknown, NoukaiHttp>> = [
        jobs.submit(flow, {}),
        Effect.flatMap(jobs.attach(flow, "ex-1"), (job) => job.poll()),
        runs.trace(flow, "ex-1"),
        runs.stepTrace(flow, "ex-1", "s"),
        runs.summary(flow, "ex-1"),
        Stream.runDrain(runs.list({ flowId: "fl_1" })),
        Stream.runDrain(runs.liveTrace(flow, "ex-1")),
        forward({ body: {} })
      ]
      const errors = yield* TraceScope.replay(sessionId)(
        within(undefined)(Effect.forEach(calls, (one) => Effect.either(one)))
      )
      for (const error of errors) assert.deepInclude(Either.getOrThrow(Either.flip(error)), { _tag: "ReplayMissError" })
      assert.deepStrictEqual(yield* asked, ["session"])
    }).pipe(Effect.provide(live(recorded(sessionId)))))
})

describe("a layer that replays", () => {
  const cassette = Testing.recording({ flow, result: "recorded" })

  for (const [name, way] of Object.entries(ways)) {
    it.effect(`answers within ${name}`, () =>
      Effect.map(
        Effect.provide(way(call), NoukaiReplay.fromCassette(cassette)),
        (done) => assert.strictEqual(done.result, "recorded")
      ))
  }

  it.effect("built inside a replay asks that one for its session", () =>
    Effect.gen(function*() {
      const again = Effect.provide(
        call,
        Layer.provide(NoukaiReplay.fromSession(sessionId), config({ baseUrl: "http://127.0.0.1:1/api/v1" }))
      )
      const done = yield* TraceScope.replay(sessionId)(within(undefined)(again))
      assert.strictEqual(done.result, "recorded")
      assert.deepStrictEqual(yield* asked, ["session"])
    }).pipe(Effect.provide(live(recorded(sessionId, "recorded")))))
})
