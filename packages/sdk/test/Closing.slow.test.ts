/** A client that is closed: what is under way ends and the server sees it; nothing is sent from then on. */
import { APIConnectionError, FlowService, JobService, RunService } from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import type { Services } from "@effect-noukai/sdk/Noukai"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Exit, Fiber, Layer, Option, Schedule, Scope, Stream, TestClock } from "effect"
import { turn } from "./support/clock.js"
import * as Frames from "./support/eventFrames.js"
import { type Over, servicesOver, transports } from "./support/transports.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/spelling/grade"

const completed = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

const submitted = Wire.json(200, { executionId: "ex-1", flowId: "f", blockCount: 1, status: "pending" })

const running = Wire.json(200, { executionId: "ex-1", status: "running" })

/** A client in a scope of its own. */
const client = (over: Over, answers: ReadonlyArray<Wire.Answer>, options: Options = {}) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const scope = yield* Scope.make()
    const services = yield* servicesOver(over, server, options, scope)
    return { server, close: Scope.close(scope, Exit.void), ...using(services) }
  })

const using = (services: Context.Context<Services>) => ({
  flows: Context.get(services, FlowService),
  jobs: Context.get(services, JobService),
  runs: Context.get(services, RunService)
})

const assertClosed = (error: unknown, sent: APIConnectionError["sent"]): void => {
  assert.instanceOf(error, APIConnectionError)
  const { code, detail, isRetryable } = error as APIConnectionError
  assert.deepStrictEqual(
    { code, detail, isRetryable, sent: (error as APIConnectionError).sent },
    { code: "CLIENT_CLOSED", detail: "the client is closed", isRetryable: false, sent }
  )
}

/** Completes when so many sleep on the test clock for an hour. */
const sleepers = (count: number): Effect.Effect<void> =>
  Effect.flatMap(
    TestClock.sleeps(),
    (sleeps) =>
      Chunk.size(Chunk.filter(sleeps, (instant) => instant === 3_600_000)) >= count
        ? Effect.void
        : Effect.zipRight(turn, sleepers(count))
  )

for (const over of transports) {
  describe.concurrent(`over ${over.name}`, () => {
    it.scoped("every call after the close fails, not sent, and takes no time", () =>
      Effect.gen(function*() {
        const { close, flows, jobs, runs, server } = yield* client(over, [completed, submitted], {
          retry: Schedule.spaced("1 hour")
        })
        yield* flows.execute(flow, { message: "hi" })
        const job = yield* jobs.submit(flow, { message: "hi" })
        const events = flows.events(flow, { message: "hi", heal: Schedule.spaced("1 hour") })
        const steps = flows.steps(flow, { message: "hi" })
        yield* close
        yield* server.allClosed.pipe(Effect.when(() => over.name === "undici"))
        const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          flows.execute(flow, { message: "hi", retryPost: true }),
          Stream.runDrain(events),
          Stream.runDrain(steps),
          jobs.submit(flow, { message: "hi" }),
          job.poll(),
          job.wait({ timeout: "1 day" }),
          job.result(),
          Stream.runDrain(job.updates),
          Stream.runDrain(Job.updates(job, Schedule.spaced("1 hour"))),
          runs.trace(flow, "ex-1"),
          runs.summary(flow, "ex-1"),
          runs.stepTrace(flow, "ex-1", "a"),
          Stream.runDrain(runs.list({ flowId: "fl_1" })),
          Stream.runDrain(runs.liveTrace(flow, "ex-1"))
        ]
        for (const call of calls) assertClosed(yield* Effect.flip(call), "no")
        assert.strictEqual(server.requests.length, 2)
      }))

    it.scopedLive("what waits for a response ends, and its socket", () =>
      Effect.gen(function*() {
        const { close, flows, server } = yield* client(over, [Wire.silence, Wire.silence])
        const executing = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
        yield* server.arrived(1)
        const streaming = yield* Effect.fork(Stream.runDrain(flows.events(flow, { message: "hi" })))
        yield* server.arrived(2)
        yield* close
        assertClosed(yield* Effect.flip(Fiber.join(executing)), "unknown")
        assertClosed(yield* Effect.flip(Fiber.join(streaming)), "unknown")
        yield* server.allClosed
      }))

    it.scopedLive("what is within a response ends, and its socket", () =>
      Effect.gen(function*() {
        const { close, flows, server } = yield* client(over, [
          Wire.stallInBody(`{"status":`),
          Frames.open([Frames.runStarted, Frames.stepStarted("a")])
        ])
        const executing = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
        yield* server.arrived(1)
        const scope = yield* Effect.scope
        const pull = yield* Scope.extend(Stream.toPull(flows.events(flow, { message: "hi" })), scope)
        yield* pull
        yield* close
        assert.instanceOf(yield* Effect.flip(Fiber.join(executing)), APIConnectionError)
        const ended = yield* Effect.flip(Effect.forever(pull))
        const error = Option.getOrThrow(ended)
        assertClosed(error, "yes")
        assert.strictEqual((error as APIConnectionError).executionId, "ex-1")
        assert.property(error, "cursor")
        yield* server.allClosed
      }))

    it.scoped("a retry that sleeps wakes and fails", () =>
      Effect.gen(function*() {
        const { close, flows, runs, server } = yield* client(
          over,
          [Wire.json(503, {}), Wire.json(503, {})],
          { retry: Schedule.spaced("1 hour"), retryPost: true }
        )
        const reading = yield* Effect.fork(runs.trace(flow, "ex-1"))
        yield* server.arrived(1)
        yield* sleepers(1)
        const posting = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
        yield* server.arrived(2)
        yield* sleepers(2)
        yield* close
        assertClosed(yield* Effect.flip(Fiber.join(reading)), "no")
        // the attempt before may have started a run
        assertClosed(yield* Effect.flip(Fiber.join(posting)), "yes")
        assert.strictEqual(server.requests.length, 2)
      }))

    it.scoped("a job that is waited for between two polls wakes and fails", () =>
      Effect.gen(function*() {
        const schedule = Schedule.spaced("1 hour")
        const waits: ReadonlyArray<(job: Job.Job) => Effect.Effect<unknown, unknown>> = [
          (job) => job.wait({ schedule, timeout: "2 hours" }),
          // no poll would come before its deadline
          (job) => job.wait({ schedule, timeout: "30 minutes" }),
          (job) => job.result({ schedule, timeout: "2 hours" }),
          (job) => Stream.runDrain(job.updates),
          (job) => Stream.runDrain(Job.updates(job, schedule))
        ]
        for (const wait of waits) {
          let answered = false
          const { close, jobs, server } = yield* client(over, [running], {
            log: (event) => {
              answered ||= event.phase === "response"
            }
          })
          const waiting = yield* Effect.fork(wait(yield* jobs.attach(flow, "ex-1")))
          yield* Effect.repeat(turn, { until: () => answered })
          yield* Effect.replicateEffect(turn, 3)
          yield* close
          assertClosed(yield* Effect.flip(Fiber.join(waiting)), "no")
          assert.strictEqual(server.requests.length, 1)
        }
      }))

    it.scoped("a stream that sleeps before it heals wakes and fails, with its cursor", () =>
      Effect.gen(function*() {
        const { close, flows, server } = yield* client(over, [Frames.events(Frames.runStarted)])
        const streaming = yield* Effect.fork(
          Stream.runDrain(flows.events(flow, { message: "hi", heal: Schedule.spaced("1 hour") }))
        )
        yield* server.arrived(1)
        yield* sleepers(1)
        yield* close
        const error = yield* Effect.flip(Fiber.join(streaming))
        assertClosed(error, "yes")
        assert.property(error, "cursor")
        assert.strictEqual(server.requests.length, 1)
      }))

    it.scoped("a live trace that sleeps before it is read again wakes and fails", () =>
      Effect.gen(function*() {
        const { close, runs, server } = yield* client(over, [Frames.events(Frames.runStarted)])
        const watching = yield* Effect.fork(
          Stream.runDrain(runs.liveTrace(flow, "ex-1", { heal: Schedule.spaced("1 hour") }))
        )
        yield* server.arrived(1)
        yield* sleepers(1)
        yield* close
        assertClosed(yield* Effect.flip(Fiber.join(watching)), "no")
        assert.strictEqual(server.requests.length, 1)
      }))

    it.scoped("a stream between two of its responses posts no step", () =>
      Effect.gen(function*() {
        const { close, flows, server } = yield* client(over, [
          Frames.events(Frames.runStarted, Frames.stepCompleted("a"), Frames.stepPaused(1))
        ])
        const pull = yield* Stream.toPull(Stream.rechunk(flows.steps(flow, { message: "hi" }), 1))
        yield* pull
        yield* close
        const error = Option.getOrThrow(yield* Effect.flip(pull))
        assertClosed(error, "yes")
        assert.strictEqual(server.requests.length, 1)
      }))
  })
}

describe("a relay", () => {
  it.scopedLive("sends nothing after the close, and ends what is under way", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.silence, completed)
      const scope = yield* Scope.make()
      const layer = Layer.orDie(Relay.layer({ url: `${server.baseUrl}/relay` }))
      const flows = Context.get(yield* Layer.buildWithScope(layer, scope), FlowService)
      const executing = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
      yield* server.arrived(1)
      yield* Scope.close(scope, Exit.void)
      assertClosed(yield* Effect.flip(Fiber.join(executing)), "unknown")
      yield* server.allClosed
      assertClosed(yield* Effect.flip(flows.execute(flow, { message: "hi" })), "no")
      assert.strictEqual(server.requests.length, 1)
    }))
})
