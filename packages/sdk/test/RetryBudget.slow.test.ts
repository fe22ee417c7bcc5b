/** The retry budget: 500 tokens per client, 14 per transient retry, 5 per throttled one, and what successes give back. */
import { RunService } from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import { layerTransport } from "@effect-noukai/sdk/NoukaiHttp"
import * as Runs from "@effect-noukai/sdk/RunService"
import { metricNames } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Layer, Metric, Random, Schedule, TestClock } from "effect"
import type { HttpTransport, TextResponse } from "../src/internal/http/HttpTransport.js"
import { config } from "./support/client.js"
import { size } from "./support/size.js"

const answer = (status: number): TextResponse => ({
  status,
  text: JSON.stringify(status === 200 ? { flowRun: { id: "ex-1", flowId: "f", status: "completed" }, steps: [] } : {}),
  header: () => undefined
})

/** A service that answers every request with the status that it has at the moment. */
const service = () => {
  const state = { status: 200, requests: 0, times: [] as Array<number> }
  const transport: HttpTransport = {
    send: () =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        state.requests++
        state.times.push(now)
        return answer(state.status)
      }),
    open: () => Effect.dieMessage("no streams here"),
    pause: (ms) => Effect.as(Effect.sleep(ms), true)
  }
  return { state, transport }
}

const client = (transport: HttpTransport, options: Options = {}) =>
  Effect.map(
    Layer.build(
      Runs.layer.pipe(
        Layer.provide(layerTransport(() => Effect.succeed(transport))),
        Layer.provide(config({ baseUrl: "http://127.0.0.1:1/api/v1", ...options }))
      )
    ),
    (context) => Effect.either(Context.get(context, RunService).trace("a/b/c", "ex-1"))
  )

/** Time passes until the call is over. */
const passing = <A>(call: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(call)
    yield* TestClock.adjust("30 seconds")
    return yield* Fiber.join(fiber)
  })

const level = Effect.map(Metric.snapshot, (pairs) => {
  const found = pairs.find(({ metricKey }) => metricKey.name === metricNames.retryTokens)
  return found !== undefined && "value" in found.metricState ? found.metricState.value : undefined
})

const times = <A>(n: number, call: Effect.Effect<A>) => Effect.forEach(Array.from({ length: n }), () => call)

describe("one client", () => {
  it.scoped("retries: an outage costs 35 retries of 14 tokens, then each call fails at once with its own error", () =>
    Effect.gen(function*() {
      const { state, transport } = service()
      const call = yield* client(transport)
      state.status = 503
      yield* times(35, passing(call))
      assert.strictEqual(state.requests, 70)
      assert.strictEqual(yield* level, 10)
      const last = yield* call
      assert.strictEqual(state.requests, 71)
      assert.strictEqual(last._tag === "Left" && last.left.statusCode, 503)
    }))

  it.scoped("a throttled retry takes 5", () =>
    Effect.gen(function*() {
      const { state, transport } = service()
      const call = yield* client(transport)
      state.status = 429
      yield* times(101, passing(call))
      assert.strictEqual(state.requests, 201)
      assert.strictEqual(yield* level, 0)
    }))

  it.scoped("a success gives back 1, one after a retry what that took, and no more than 500 are kept", () =>
    Effect.gen(function*() {
      const { state, transport } = service()
      const call = yield* client(transport)
      yield* call
      assert.strictEqual(yield* level, 500)
      state.status = 503
      yield* times(2, passing(call))
      assert.strictEqual(yield* level, 472)
      state.status = 200
      yield* times(3, call)
      assert.strictEqual(yield* level, 475)
      state.status = 503
      const recovering = yield* Effect.fork(call)
      yield* Effect.yieldNow()
      assert.strictEqual(yield* level, 461)
      state.status = 200
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.join(recovering)
      assert.strictEqual(yield* level, 475)
      yield* times(40, call)
      assert.strictEqual(yield* level, 500)
    }))

  it.scoped("a schedule of the caller's is not limited", () =>
    Effect.gen(function*() {
      const { state, transport } = service()
      const call = yield* client(transport, { retry: Schedule.recurs(1) })
      state.status = 503
      yield* times(100, call)
      assert.strictEqual(state.requests, 200)
    }))
})

/** Jitter draws no waits at all, the worst that it can do: nothing but the budget holds the clients back. */
it.scoped("a storm: clients through an outage send what was predicted, and recover", () =>
  Effect.gen(function*() {
    const clients = size(100, 12)
    const all = 20 * clients
    const { state, transport } = service()
    const calls = yield* Effect.forEach(Array.from({ length: clients }), () => client(transport, { maxRetries: 3 }))
    const round = Effect.gen(function*() {
      const before = state.requests
      const fibers = yield* Effect.forEach(
        calls,
        (call) => Effect.fork(Effect.withRandom(times(20, call), Random.fixed([0])))
      )
      const outcomes = (yield* Effect.forEach(fibers, Fiber.join)).flat()
      return {
        requests: state.requests - before,
        calls: outcomes.length,
        done: outcomes.filter(({ _tag }) => _tag === "Right").length
      }
    })
    const healthy = yield* round
    assert.deepStrictEqual(healthy, { requests: all, calls: all, done: all })
    state.status = 503
    // without a budget 4 requests per call; with it 35 retries per client and no more, however long it lasts
    const outage = yield* round
    assert.deepStrictEqual(outage, { requests: all + 35 * clients, calls: all, done: 0 })
    assert.deepStrictEqual(yield* round, { requests: all, calls: all, done: 0 })
    state.status = 200
    assert.deepStrictEqual(yield* round, { requests: all, calls: all, done: all })
    state.status = 503
    // 10 + 20 tokens are two retries
    assert.deepStrictEqual(yield* round, { requests: all + 2 * clients, calls: all, done: 0 })
  }))

/** The default policy, with jitter as it is drawn: every client calls at the same moment. */
it.scoped("a storm with jitter: those that fail together do not come back together", () =>
  Effect.gen(function*() {
    const clients = 100
    const { state, transport } = service()
    const calls = yield* Effect.forEach(Array.from({ length: clients }), () => client(transport))
    state.status = 503
    const fibers = yield* Effect.forEach(
      calls,
      (call, at) => Effect.fork(Effect.withRandom(call, Random.make(`client ${at}`)))
    )
    yield* TestClock.adjust("500 millis")
    const during = state.requests - clients
    state.status = 200
    yield* TestClock.adjust("500 millis")
    const outcomes = yield* Effect.forEach(fibers, Fiber.join)

    assert.strictEqual(state.requests, 2 * clients)
    // an outage of half a second: who waited longer than that succeeds
    assert.strictEqual(outcomes.filter(({ _tag }) => _tag === "Right").length, clients - during)
    // full jitter up to 1 s: 10 in each tenth of it on average; in one draw of a thousand there is one with over 22
    const waits = state.times.slice(clients).map((time) => time - state.times[0]!)
    const tenths = Array.from({ length: 10 }, (_, tenth) => waits.filter((ms) => Math.floor(ms / 100) === tenth).length)
    assert.strictEqual(tenths.reduce((sum, n) => sum + n), clients)
    assert.isAtMost(Math.max(...tenths), 22)
    assert.isAtLeast(Math.min(...tenths), 1)
  }))
