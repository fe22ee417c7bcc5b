/**
 * Whether a stream's error allows running the whole call again: there is no idempotency key, so `isRetryable` is true
 * only while no request of this call may have run anything (docs/wire.md#retries).
 */
import { APIConnectionError, APITimeoutError, type EventsInput, RateLimitError, Tools } from "@effect-noukai/sdk"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream, TestClock } from "effect"
import { clientFor } from "./support/client.js"
import * as Frames from "./support/eventFrames.js"
import {
  between,
  cut,
  flowCompleted,
  requests,
  respond,
  type Response,
  scripted,
  stepStarted,
  toolPause,
  two
} from "./support/scripted.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/support/greet"

const tooMany = () => new RateLimitError({ method: "test", statusCode: 429, isRetryable: true })
const neverLeft = () => new APIConnectionError({ method: "test", detail: "refused", sent: "no", isRetryable: true })
const neverConnected = () => new APITimeoutError({ method: "test", clock: "connect", sent: "no", isRetryable: true })

const failing = (error: () => CallError): Response => Stream.failSync(error)

const tools = Tools.handle(
  [{ type: "function", function: { name: "lookup_order" } }],
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: id })))
)

type Input = Omit<EventsInput, "tools"> & { readonly tools?: typeof tools }

const cursor = between(flow)

const failure = (responses: ReadonlyArray<Response>, input: Input = {}) =>
  scripted(responses, (flows) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(flows.events(flow, { message: "hi", ...input })))
      assert.strictEqual((yield* requests).length, responses.length)
      return error
    }))

const heal = Schedule.recurs(1)

describe.each([
  ["429", tooMany],
  ["a connection that was refused", neverLeft],
  ["a connect clock", neverConnected]
])("retries: %s", (_, error) => {
  const says = (
    name: string,
    isRetryable: boolean,
    before: ReadonlyArray<Response>,
    input?: Input
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const failed = yield* failure([...before, failing(error)], input)
        assert.strictEqual(failed._tag, error()._tag)
        assert.strictEqual(failed.isRetryable, isRetryable)
      }))

  says("on the first request: nothing ran, so the call may be made again", true, [])
  says("on a later request: a run exists, and the call would start a second one", false, [respond(...two.first)])
  says("after a tool round as well", false, [respond(two.first[0]!, toolPause("a", "tc_1"))], { tools })
  says("after a cut that was healed as well", false, [cut(two.first[0]!)], { heal })
  says("on the first request from a cursor: the call may be made again", true, [], { from: cursor })
  says("after that request was refused and healed as well", true, [failing(tooMany)], { from: cursor, heal })
  says("from a cursor, once a step may have run: it would run again", false, [cut()], { from: cursor, heal })
  says("from a cursor, once events came: they would come again", false, [cut(stepStarted("answer"))], {
    from: cursor,
    heal
  })
  says("from a pause, once its handler has run: it would run again", false, [], {
    from: {
      ...cursor,
      pending: {
        iterationsUsed: 1,
        toolCallMessages: [],
        toolCalls: [{ id: "tc_1", name: "lookup_order", arguments: "{}" }]
      }
    },
    tools
  })
})

describe("retries: sent", () => {
  it.effect("tells of the whole call: a request that never left does not undo one that did", () =>
    Effect.gen(function*() {
      const error = yield* failure([respond(...two.first), failing(neverLeft)])
      assert.instanceOf(error, APIConnectionError)
      assert.strictEqual(error.sent, "yes")
      assert.strictEqual(error.executionId, "ex-1")
      assert.strictEqual(error.cursor?.stepIndex, 1)
    }))

  it.scoped("the total clock, while a request after one that was lost is on its way", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.reset)
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(
        flows.events(flow, { from: cursor, heal: Schedule.spaced("1 hour"), timeout: "1 minute" })
      )))
      yield* server.arrived(1)
      yield* server.allEnded
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, APITimeoutError)
      assert.strictEqual(error.sent, "unknown")
      assert.isFalse(error.isRetryable)
    }))
})

describe("by hand", () => {
  it.effect("a refused answer may be given again: that posts it to the same run", () =>
    scripted(
      [
        respond(two.first[0]!, toolPause("a", "tc_1")),
        failing(tooMany),
        respond(stepStarted("a"), flowCompleted(1))
      ],
      (flows) =>
        Effect.gen(function*() {
          const events = yield* Stream.runCollect(flows.events(flow, { tools: tools.declarations }))
          const pause = [...events].at(-1)
          if (pause?.type !== "tool_calls_required") return assert.fail("no pause")
          const rest = pause.resume([{ toolCallId: "tc_1", content: "x" }])
          const error = yield* Effect.flip(Stream.runDrain(rest))
          assert.isTrue(error.isRetryable)
          const after = yield* Stream.runCollect(rest)
          assert.strictEqual([...after].at(-1)?.type, "flow_completed")
        })
    ))
})

describe("on the wire", () => {
  it.scopedLive("statuses: 429 to the second /step of a run is not retryable", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(
        Frames.twoSteps[0],
        Wire.json(429, { detail: { code: "RATE_LIMIT", message: "Slow down." } }, { "retry-after": "7" })
      )
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(Stream.runDrain(flows.events(flow, { message: "hi" })))
      assert.instanceOf(error, RateLimitError)
      assert.match(error.message, /; go on from the cursor of this error after 7 s$/)
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.cursor?.stepIndex, 1)
    }))
})
