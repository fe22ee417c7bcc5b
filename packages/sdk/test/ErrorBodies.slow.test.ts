/** An error whose body trickles, stalls or breaks off is told in time: its status says what it means. */
import { FlowService, InsufficientCreditsError, JobService, RunService } from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Stream, TestClock } from "effect"
import type { ServerResponse } from "node:http"
import { turn } from "./support/clock.js"
import { flowsOver, type Over, transports } from "./support/transports.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/spelling/grade"

const part = `{"detail":{"code":"INSUFFICIENT_CREDITS","message":"none left"`

/** A head and a part of a body, and then whatever `use` does. */
const begun = (use: (response: ServerResponse) => void = () => {}): Wire.Answer => (response) => {
  response.writeHead(402, { "x-request-id": "req-1" })
  response.write(part, () => use(response))
}

const assertTold = (error: unknown): void => {
  assert.instanceOf(error, InsufficientCreditsError)
  const { requestId, responseBody, statusCode } = error as InsufficientCreditsError
  assert.deepStrictEqual({ requestId, responseBody, statusCode }, {
    requestId: "req-1",
    responseBody: part,
    statusCode: 402
  })
}

const client = (over: Over, answers: ReadonlyArray<Wire.Answer>, options: Options = {}) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const services = yield* flowsOver(over, server, { maxRetries: 0, ...options })
    const flows = Context.get(services, FlowService)
    const jobs = Context.get(services, JobService)
    const runs = Context.get(services, RunService)
    const job = yield* jobs.attach(flow, "ex-1")
    const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      flows.execute(flow, { message: "hi" }),
      Stream.runDrain(flows.events(flow, { message: "hi" })),
      Stream.runDrain(flows.steps(flow, { message: "hi" })),
      jobs.submit(flow, { message: "hi" }),
      job.poll(),
      runs.trace(flow, "ex-1"),
      runs.stepTrace(flow, "ex-1", "a"),
      runs.summary(flow, "ex-1"),
      Stream.runDrain(runs.list({ flowId: "fl_1" })),
      Stream.runDrain(runs.liveTrace(flow, "ex-1"))
    ]
    return { server, flows, runs, calls }
  })

for (const over of transports) {
  describe.concurrent(`over ${over.name}`, () => {
    it.scoped("time-limits: the body of a stream's error is waited for five seconds, however it trickles", () =>
      Effect.gen(function*() {
        let told = 0
        const responses: Array<ServerResponse> = []
        const { flows, runs, server } = yield* client(
          over,
          [1, 2].map(() => begun((response) => responses.push(response))),
          {
            log: (event) => {
              if (event.phase === "response") told++
            }
          }
        )
        const streams = [flows.events(flow, { message: "hi" }), runs.liveTrace(flow, "ex-1")]
        for (const [index, stream] of streams.entries()) {
          const fiber = yield* Effect.fork(Stream.runDrain(stream))
          yield* server.arrived(index + 1)
          yield* Effect.repeat(turn, { until: () => told > index && responses.length > index })
          yield* Effect.replicateEffect(turn, 3)
          yield* TestClock.adjust(4999)
          assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
          yield* Effect.async<void>((resume) => {
            responses[index]!.write(" ", () => resume(Effect.void))
          })
          yield* TestClock.adjust(1)
          const error = yield* Effect.flip(Fiber.join(fiber))
          assert.instanceOf(error, InsufficientCreditsError)
        }
        yield* server.allEnded
      }))

    it.scopedLive("a body that is cut off has said enough", () =>
      Effect.gen(function*() {
        const cut = begun((response) => response.socket!.destroy())
        const { calls } = yield* client(over, Array.from({ length: 10 }, () => cut))
        for (const call of calls) assertTold(yield* Effect.flip(call))
      }))
  })
}

// they wait for real, so they wait together
for (const over of transports) {
  describe.concurrent(`over ${over.name}`, () => {
    it.scopedLive("time-limits: the body of an error is no reason to run out of time", () =>
      Effect.gen(function*() {
        const { calls, server } = yield* client(over, Array.from({ length: 10 }, () => begun()), {
          attemptTimeout: "4 seconds",
          firstByteTimeout: "4 seconds",
          idleTimeout: "1 second"
        })
        const errors = yield* Effect.all(calls.map(Effect.flip), { concurrency: "unbounded" })
        errors.forEach(assertTold)
        yield* server.allEnded
      }))
  })
}

it.scopedLive("a relay's errors too", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(begun())
    const relay = Relay.layer({ url: `${server.baseUrl}/relay`, attemptTimeout: "4 seconds" })
    const flows = Context.get(yield* Layer.build(Layer.orDie(relay)), FlowService)
    assertTold(yield* Effect.flip(flows.execute(flow, { message: "hi" })))
  }), { concurrent: true })
