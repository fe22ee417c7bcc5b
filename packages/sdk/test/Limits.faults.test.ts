/** The limits of a client: what is over them waits its turn, and nothing is lost, doubled or stuck. */
import * as RelayServer from "@effect-noukai/adapters/Relay"
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import {
  APIConnectionError,
  APITimeoutError,
  FlowService,
  JobService,
  Noukai,
  NoukaiHttp,
  RunService,
  Tools,
  TraceScope
} from "@effect-noukai/sdk"
import type { Services } from "@effect-noukai/sdk/Noukai"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import * as Relay from "@effect-noukai/sdk/Relay"
import type { LogEvent } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Schedule, Scope, Stream, TestClock } from "effect"
import { sleepingUntil, turn } from "./support/clock.js"
import * as Frames from "./support/eventFrames.js"
import { body, execution, sessionId } from "./support/sessions.js"
import { size } from "./support/size.js"
import { type Over, servicesOver, transports } from "./support/transports.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/spelling/grade"

const result = { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" }

const completed = Wire.json(200, result)

const trace = Wire.json(200, { flowRun: { id: "ex-1", flowId: "f", status: "completed" }, steps: [] })

const withoutClocks = { connectTimeout: Duration.infinity, attemptTimeout: Duration.infinity }

/** An answer that is held back, and its release. */
const held = (): { readonly answer: Wire.Answer; readonly release: () => void } => {
  let release = () => {}
  return {
    answer: (response, request) => {
      release = () => completed(response, request)
    },
    release: () => release()
  }
}

const using = (services: Context.Context<Services>) => ({
  flows: Context.get(services, FlowService),
  jobs: Context.get(services, JobService),
  runs: Context.get(services, RunService),
  http: Context.get(services, NoukaiHttp)
})

const undici = transports[0]!

/** A client in a scope of its own. */
const client = (answers: ReadonlyArray<Wire.Answer>, options: Options, over: Over = undici) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const scope = yield* Scope.make()
    const services = yield* servicesOver(over, server, { ...withoutClocks, ...options }, scope)
    return { server, close: Scope.close(scope, Exit.void), ...using(services) }
  })

/** Time for everything that could happen without any more answers of the server. */
const settled = Effect.repeatN(turn, 20)

const messageOf = ({ body }: Wire.Received): unknown => JSON.parse(body).message

const outcomeOf = (error: unknown) =>
  error instanceof APITimeoutError
    ? { clock: error.clock, sent: error.sent, isRetryable: error.isRetryable }
    : error instanceof APIConnectionError
    ? { code: error.code, sent: error.sent, isRetryable: error.isRetryable }
    : error

describe("maxConcurrency", () => {
  const flows = [{
    ref: "acme/test/brief",
    steps: [{ kind: "template", id: "a", output: 1, duration: "2 millis" }]
  }] as const

  const most = (slots: number, calls: number) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const { execute } = yield* FlowService
      const together = yield* emulator.events.pipe(
        Stream.filter(({ type }) => type === "RequestReceived" || type === "RequestEnded"),
        Stream.take(calls * 2),
        Stream.runFold({ now: 0, most: 0 }, (seen, { type }) => {
          const now = seen.now + (type === "RequestReceived" ? 1 : -1)
          return { now, most: Math.max(seen.most, now) }
        }),
        Effect.fork
      )
      yield* turn
      const done = yield* Effect.forEach(
        Array.from({ length: calls }, (_, n) => n),
        (n) => execute("acme/test/brief", { message: `call ${n}` }),
        { concurrency: "unbounded" }
      )
      const { runsStarted } = yield* emulator.ledger
      assert.strictEqual(runsStarted, calls)
      assert.strictEqual(new Set(done.map(({ executionId }) => executionId)).size, calls)
      const seen = yield* Fiber.join(together)
      assert.strictEqual(seen.now, 0)
      assert.isAtMost(seen.most, slots)
    })

  it.scopedLive(
    "any number of calls at once: the server never sees more than 20 of them together, and each one once",
    () =>
      Effect.provide(
        most(20, size(10_000, 200)),
        Layer.provideMerge(Noukai.layerServices, Emulators.layer({ flows, config: { maxConcurrency: 20 } }))
      ),
    300_000
  )

  it.scopedLive("the same over fetch", () =>
    Effect.provide(
      most(10, size(200, 60)),
      Layer.provideMerge(
        Noukai.layerFetch((url, init) => fetch(url, init)),
        Emulators.layer({ flows, config: { maxConcurrency: 10 } })
      )
    ))

  for (const over of transports) {
    describe(`over ${over.name}`, () => {
      it.scopedLive("waits in the order of coming; a freed place goes to one", () =>
        Effect.gen(function*() {
          const [first, second] = [held(), held()]
          const { flows, server } = yield* client(
            [first.answer, second.answer, completed, completed],
            { maxConcurrency: 1 },
            over
          )
          const calls = yield* Effect.forEach([1, 2, 3, 4], (n) =>
            Effect.zipLeft(Effect.fork(flows.execute(flow, { message: `${n}` })), turn))
          yield* server.arrived(1)
          yield* settled
          assert.lengthOf(server.requests, 1)
          first.release()
          yield* server.arrived(2)
          yield* settled
          assert.lengthOf(server.requests, 2)
          second.release()
          yield* Fiber.joinAll(calls)
          assert.deepStrictEqual(server.requests.map(messageOf), ["1", "2", "3", "4"])
        }))

      it.scopedLive("an event stream is under way for as long as it is open", () =>
        Effect.gen(function*() {
          const open = Frames.open([Frames.runStarted, Frames.stepStarted("a")])
          const { flows, server } = yield* client([open, open, completed], { maxConcurrency: 2 }, over)
          const [one, two] = [yield* Scope.make(), yield* Scope.make()]
          for (const scope of [one, two]) {
            const pull = yield* Scope.extend(Stream.toPull(flows.events(flow, { message: "hi" })), scope)
            yield* pull
          }
          const call = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
          yield* settled
          assert.lengthOf(server.requests, 2)
          yield* Scope.close(two, Exit.void)
          yield* Fiber.join(call)
          yield* Scope.close(one, Exit.void)
        }))

      it.scopedLive("closing the client ends those that wait, not sent", () =>
        Effect.gen(function*() {
          const { close, flows, jobs, server } = yield* client([Wire.silence], { maxConcurrency: 1, rate: 100 }, over)
          const first = yield* Effect.fork(flows.execute(flow, { message: "hi", retryPost: true }))
          yield* server.arrived(1)
          const waiting = yield* Effect.forEach([
            flows.execute(flow, { message: "hi", retryPost: true }),
            Stream.runDrain(flows.events(flow, { message: "hi", heal: Schedule.forever })),
            jobs.submit(flow, { message: "hi", retryPost: true })
          ], (call) => Effect.fork(call))
          yield* settled
          yield* close
          for (const fiber of waiting) {
            assert.deepStrictEqual(outcomeOf(yield* Effect.flip(Fiber.join(fiber))), {
              code: "CLIENT_CLOSED",
              sent: "no",
              isRetryable: false
            })
          }
          assert.deepInclude(outcomeOf(yield* Effect.flip(Fiber.join(first))), { code: "CLIENT_CLOSED" })
          assert.deepInclude(outcomeOf(yield* Effect.flip(flows.execute(flow, { message: "hi" }))), { sent: "no" })
          assert.lengthOf(server.requests, 1)
        }))
    })
  }

  it.scoped("waiting counts against the total clock alone", () =>
    Effect.gen(function*() {
      const first = held()
      const { flows, server } = yield* client([first.answer, completed], { maxConcurrency: 1 })
      const running = yield* Effect.fork(flows.execute(flow, { message: "1" }))
      yield* server.arrived(1)
      const patient = yield* Effect.fork(
        flows.execute(flow, { message: "2", attemptTimeout: "1 second", connectTimeout: "1 second" })
      )
      const streaming = yield* Effect.fork(
        Stream.runDrain(flows.events(flow, { message: "3", timeout: "5 seconds", firstByteTimeout: "1 second" }))
      )
      const late = yield* Effect.fork(flows.execute(flow, { message: "4", timeout: "5 seconds" }))
      yield* turn
      yield* TestClock.adjust("4999 millis")
      yield* settled
      assert.isNull(late.unsafePoll())
      yield* TestClock.adjust("1 millis")
      const expected = { clock: "total", sent: "no", isRetryable: true }
      assert.deepStrictEqual(outcomeOf(yield* Effect.flip(Fiber.join(late))), expected)
      assert.deepStrictEqual(outcomeOf(yield* Effect.flip(Fiber.join(streaming))), expected)
      first.release()
      yield* Fiber.join(running)
      yield* Fiber.join(patient)
      assert.deepStrictEqual(server.requests.map(messageOf), ["1", "2"])
    }))

  it.scopedLive("an interrupted one leaves the queue, and an interrupted run its place", () =>
    Effect.gen(function*() {
      const { flows, server } = yield* client([Wire.silence, completed], { maxConcurrency: 1 })
      const [first, second, third] = yield* Effect.forEach(
        ["1", "2", "3"],
        (message) => Effect.zipLeft(Effect.fork(flows.execute(flow, { message })), settled)
      )
      yield* server.arrived(1)
      yield* Fiber.interrupt(second!)
      yield* Fiber.interrupt(first!)
      yield* Fiber.join(third!)
      assert.deepStrictEqual(server.requests.map(messageOf), ["1", "3"])
    }))

  it.scopedLive("interruptions at any moment lose no place", () =>
    Effect.gen(function*() {
      const { flows } = yield* client(Array.from({ length: 400 }, () => completed), { maxConcurrency: 2 })
      yield* Effect.forEach(
        Array.from({ length: 60 }, (_, n) => n),
        (n) =>
          Effect.gen(function*() {
            const call = n % 3 === 0
              ? Stream.runDrain(flows.events(flow, { message: "hi" }))
              : flows.execute(flow, { message: "hi" })
            const fiber = yield* Effect.fork(Effect.exit(call))
            yield* Effect.repeatN(n % 2 === 0 ? Effect.yieldNow() : turn, n % 7)
            yield* Fiber.interrupt(fiber)
          }),
        { concurrency: "unbounded" }
      )
      yield* Effect.forEach([1, 2, 3], () => flows.execute(flow, { message: "hi" }), { concurrency: 3 })
    }))

  const ask = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }] as const
  const weather = "noukai/samples/tools-enabled"
  const one = () => Layer.provideMerge(Noukai.layerServices, Emulators.layer({ config: { maxConcurrency: 1 } }))

  it.scopedLive("a handler that calls the client itself gets a place: a paused run has none", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const tools = Tools.handle(ask, (calls) =>
        Effect.map(
          flows.execute("noukai/samples/hello-world", { message: "which weather?" }),
          ({ executionId }) => calls.map(({ id }) => ({ toolCallId: id, content: executionId ?? "" }))
        ))
      const done = yield* flows.execute(weather, { message: "hi", tools })
      assert.strictEqual(done.status, "completed")
      const events = yield* Stream.runCollect(flows.events(weather, { message: "hi", tools }))
      assert.include([...events].map(({ type }) => type), "flow_completed")
      const { runsStarted } = yield* Effect.flatMap(Emulator, ({ ledger }) => ledger)
      assert.strictEqual(runsStarted, 4)
    }).pipe(Effect.provide(one())))

  it.scopedLive("a pause that is answered by hand holds no place", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const paused = yield* flows.execute(weather, { message: "hi", tools: ask })
      const streamed = flows.events(weather, { message: "hi", tools: ask }).pipe(
        Stream.tap((event) =>
          event.type === "tool_calls_required"
            ? flows.execute("noukai/samples/hello-world", { message: "between" })
            : Effect.void
        )
      )
      const types = [...yield* Stream.runCollect(streamed)].map(({ type }) => type)
      assert.strictEqual(types.at(-1), "tool_calls_required")
      assert.strictEqual(paused.status, "tool_calls_required")
      if (paused.status !== "tool_calls_required") return
      const results = paused.toolCalls.map(({ id }) => ({ toolCallId: id, content: "rain" }))
      const done = yield* paused.resume(results)
      assert.strictEqual(done.status, "completed")
    }).pipe(Effect.provide(one())))

  it.scoped("a retry that sleeps has no place, be it of a call or of a stream", () =>
    Effect.gen(function*() {
      const busy = Wire.json(429, { detail: { code: "RATE_LIMIT" } })
      const stream = Frames.events(Frames.runStarted, Frames.flowCompleted(1))
      const byKind: Wire.Answer = (response, request) =>
        (request.path.endsWith("/step") ? stream : completed)(response, request)
      const { flows, server } = yield* client(
        [busy, busy, completed, byKind, byKind],
        { maxConcurrency: 1, retry: Schedule.spaced("1 hour") }
      )
      const executing = yield* Effect.fork(flows.execute(flow, { message: "1" }))
      yield* sleepingUntil(3_600_000)
      const streaming = yield* Effect.fork(Stream.runDrain(flows.events(flow, { message: "2" })))
      yield* server.arrived(2)
      yield* flows.execute(flow, { message: "3" })
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(executing)
      yield* Fiber.join(streaming)
      assert.lengthOf(server.requests, 5)
    }))

  it.scopedLive("reads take no place", () =>
    Effect.gen(function*() {
      const running = Wire.json(200, { executionId: "ex-1", status: "completed", result: 1 })
      const { flows, jobs, runs, server } = yield* client([Wire.silence, trace, running], { maxConcurrency: 1 })
      const fiber = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
      yield* server.arrived(1)
      yield* runs.trace(flow, "ex-1")
      const job = yield* jobs.attach(flow, "ex-1")
      assert.strictEqual((yield* job.wait()).status, "completed")
      yield* Fiber.interrupt(fiber)
    }))

  it.scopedLive("a replay does not wait", () =>
    Effect.gen(function*() {
      const recorded = Wire.json(200, body(execution("grade", "execute", "recorded")))
      const { flows, http, server } = yield* client([Wire.silence, recorded], {
        maxConcurrency: 1,
        replayEnabled: true
      })
      const fiber = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
      yield* server.arrived(1)
      const replayed = yield* flows.execute(flow, { message: "hi" }).pipe(
        TraceScope.replay(sessionId),
        Effect.provideService(NoukaiHttp, http)
      )
      assert.strictEqual(replayed.result, "recorded")
      yield* Fiber.interrupt(fiber)
    }))

  it.scopedLive("the log hook hears of a request when it leaves", () =>
    Effect.gen(function*() {
      const heard: Array<LogEvent["phase"]> = []
      const first = held()
      const { flows, server } = yield* client([first.answer, completed], {
        maxConcurrency: 1,
        log: ({ phase }) => void heard.push(phase)
      })
      const calls = yield* Effect.forEach([1, 2], (n) => Effect.fork(flows.execute(flow, { message: `${n}` })))
      yield* server.arrived(1)
      yield* settled
      first.release()
      yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(heard, ["request", "response", "request", "response"])
    }))

  it.scopedLive("what a relay forwards waits as the calls of its client do", () =>
    Effect.gen(function*() {
      const first = held()
      const { flows, http, server } = yield* client([first.answer, completed], { maxConcurrency: 1 })
      const pinned = yield* RelayServer.forward(flow)
      const running = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
      yield* server.arrived(1)
      const forwarded = yield* Effect.fork(Effect.provideService(pinned({ body: {} }), NoukaiHttp, http))
      yield* settled
      assert.lengthOf(server.requests, 1)
      first.release()
      yield* Fiber.join(running)
      assert.strictEqual((yield* Fiber.join(forwarded)).status, 200)
    }))

  it.scopedLive("the client of a relay has limits of its own", () =>
    Effect.gen(function*() {
      const first = held()
      const server = yield* Wire.serve(first.answer, completed)
      const flows = Context.get(
        yield* Layer.build(Relay.layer({ url: `${server.baseUrl}/agent`, maxConcurrency: 1, rate: 1000 })),
        FlowService
      )
      const calls = yield* Effect.forEach([1, 2], (n) => Effect.fork(flows.execute(flow, { message: `${n}` })))
      yield* server.arrived(1)
      yield* settled
      assert.lengthOf(server.requests, 1)
      first.release()
      yield* Fiber.joinAll(calls)
    }))
})

describe("rate", () => {
  const minute = { limit: 2, interval: "1 minute" } as const

  it.scoped("no more than the limit leave within any interval, reads as well, in the order of coming", () =>
    Effect.gen(function*() {
      const { flows, runs, server } = yield* client([completed, trace, completed, trace, completed], { rate: minute })
      const calls = yield* Effect.forEach(
        [1, 2, 3, 4, 5],
        (n) =>
          Effect.zipLeft(
            Effect.fork<unknown, unknown, never>(
              n % 2 === 0 ? runs.trace(flow, "ex-1") : flows.execute(flow, { message: `${n}` })
            ),
            turn
          )
      )
      for (const [instant, arrived] of [[60_000, 2], [120_000, 4]] as const) {
        yield* sleepingUntil(instant)
        yield* server.arrived(arrived)
        yield* TestClock.setTime(instant - 1)
        yield* settled
        assert.lengthOf(server.requests, arrived)
        yield* TestClock.setTime(instant)
      }
      yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["POST", "GET", "POST", "GET", "POST"])
    }))

  it.scoped("a number is per second", () =>
    Effect.gen(function*() {
      const { flows, server } = yield* client([completed, completed, completed], { rate: 2 })
      const calls = yield* Effect.forEach([1, 2, 3], (n) => Effect.fork(flows.execute(flow, { message: `${n}` })))
      yield* sleepingUntil(1000)
      yield* server.arrived(2)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(calls)
    }))

  it.scoped("each attempt counts", () =>
    Effect.gen(function*() {
      const { runs, server } = yield* client(
        [Wire.json(503, {}), trace, trace],
        { rate: minute, retry: Schedule.spaced("1 second") }
      )
      const first = yield* Effect.fork(runs.trace(flow, "ex-1"))
      yield* sleepingUntil(1000)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      const second = yield* Effect.fork(runs.trace(flow, "ex-1"))
      yield* sleepingUntil(60_000)
      assert.lengthOf(server.requests, 2)
      yield* TestClock.setTime(60_000)
      yield* Fiber.join(second)
    }))

  it.scoped("one that waits for the rate is interrupted, and runs out of time, without a request", () =>
    Effect.gen(function*() {
      const { flows, server } = yield* client([completed, completed, completed], { rate: minute, maxConcurrency: 1 })
      yield* flows.execute(flow, { message: "1" })
      yield* flows.execute(flow, { message: "2" })
      const waiting = yield* Effect.fork(flows.execute(flow, { message: "3" }))
      const late = yield* Effect.fork(flows.execute(flow, { message: "4", timeout: "5 seconds" }))
      const last = yield* Effect.fork(flows.execute(flow, { message: "5" }))
      yield* sleepingUntil(60_000)
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(outcomeOf(yield* Effect.flip(Fiber.join(late))), { clock: "total", sent: "no" })
      yield* sleepingUntil(60_000)
      yield* TestClock.setTime(60_000)
      yield* Fiber.join(last)
      assert.deepStrictEqual(server.requests.map(messageOf), ["1", "2", "5"])
    }))

  it.scoped("the recording of a scope takes part", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const { flows, http, server } = yield* client([completed, completed, completed], { rate: minute })
      const calls = yield* Effect.fork(
        Effect.forEach([1, 2, 3], (n) =>
          Effect.zipRight(
            Deferred.succeed(started, void 0),
            flows.execute(flow, {
              message: `${n}`
            })
          )).pipe(TraceScope.capture, Effect.provideService(NoukaiHttp, http))
      )
      yield* Deferred.await(started)
      yield* sleepingUntil(60_000)
      yield* server.arrived(2)
      yield* TestClock.setTime(60_000)
      yield* Fiber.join(calls)
    }))
})
