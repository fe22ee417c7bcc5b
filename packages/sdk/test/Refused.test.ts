/** A 429 where nothing can have run is tried again, a POST too; everywhere else it is the caller's (design: Retry). */
import { FlowService, JobService, type NoukaiError } from "@effect-noukai/sdk"
import type { Services } from "@effect-noukai/sdk/Noukai"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Fiber, Layer, Schedule, Stream, TestClock } from "effect"
import { servicesFor } from "./support/client.js"
import { sleepingUntil } from "./support/clock.js"
import * as Frames from "./support/eventFrames.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/spelling/grade-3"

const id = "6f0d3c1e-1a2b-4c3d-8e4f-5a6b7c8d9e0f"

const result = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

interface Operation {
  readonly call: Effect.Effect<unknown, NoukaiError, Services>
  readonly answers: ReadonlyArray<Wire.Answer>
}

/** The operations that begin a run, each with the answer of a server. */
const fresh: { readonly [name: string]: Operation } = {
  execute: {
    call: Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi" })),
    answers: [result]
  },
  submit: {
    call: Effect.flatMap(JobService, (jobs) => jobs.submit(flow, { message: "hi" })),
    answers: [Wire.json(200, { executionId: "ex-1" })]
  },
  events: {
    call: Stream.runDrain(
      Stream.unwrap(Effect.map(FlowService, (flows) => flows.events(flow, { message: "hi" })))
    ),
    answers: Frames.twoSteps
  },
  steps: {
    call: Stream.runDrain(
      Stream.unwrap(Effect.map(FlowService, (flows) => flows.steps(flow, { message: "hi" })))
    ),
    answers: Frames.twoSteps
  }
}

const refusal = (body: unknown = { detail: { code: "RATE_LIMIT", message: "Slow down." } }, retryAfter?: string) =>
  Wire.json(429, body, retryAfter === undefined ? {} : { "Retry-After": retryAfter })

for (const [name, { answers, call }] of Object.entries(fresh)) {
  describe(`${name}, refused before it ran`, () => {
    const bodies: ReadonlyArray<readonly [string, Wire.Answer]> = [
      ["with the server's code", refusal()],
      ["with the code of the docs", refusal({ detail: { code: "rate_limit_exceeded", message: "Slow down." } })],
      ["with another name for it", refusal({ detail: { code: "TOO_MANY_REQUESTS" } })],
      ["without a code", refusal({})],
      ["without a body", Wire.text(429, "")],
      ["by a proxy", Wire.text(429, "<html><title>429 Too Many Requests</title></html>")],
      ["and says of nothing that it ran", refusal({ detail: { message: "no", executionId: null }, executionId: "" })]
    ]
    for (const [how, refused] of bodies) {
      it.scopedLive(`${how}: is sent again`, () =>
        Effect.gen(function*() {
          const server = yield* Wire.serve(refused, refused, ...answers)
          yield* Effect.provide(call, yield* servicesFor(server, { retry: Schedule.recurs(2) }))
          assert.lengthOf(server.requests, 2 + answers.length)
          assert.strictEqual(new Set(server.requests.slice(0, 3).map((request) => request.body)).size, 1)
        }))
    }

    it.scoped("waits as long as the server says, up to 20 s", () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(refusal({}, "20"), ...answers)
        const fiber = yield* Effect.fork(Effect.provide(call, yield* servicesFor(server)))
        yield* sleepingUntil(20_000)
        assert.lengthOf(server.requests, 1)
        yield* TestClock.adjust("20 seconds")
        yield* Fiber.join(fiber)
        assert.lengthOf(server.requests, 1 + answers.length)
      }))

    const told: ReadonlyArray<readonly [string, Wire.Answer]> = [
      ["a wait of more than 20 s", refusal({}, "21")],
      ["another code", refusal({ detail: { code: "KEY_LIMIT", message: "no" } })],
      ["an execution", refusal({ detail: { code: "RATE_LIMIT", executionId: id } })],
      ["an execution beside the detail", refusal({ detail: "slow down", executionId: "ex-1" })],
      ["an execution deep inside", refusal({ error: { meta: [{ run: { execution_id: 7 } }] } })],
      ["a run", refusal({ runId: id })],
      ["an execution in its text", refusal({ detail: `execution ${id} was throttled` })],
      ["an execution in text that holds JSON", Wire.text(429, JSON.stringify(JSON.stringify({ executionId: id })))],
      ["an execution on a page", Wire.text(429, `<p>Run ${id} was throttled</p>`)]
    ]
    for (const [what, refused] of told) {
      it.scopedLive(`is not sent again when the answer names ${what}`, () =>
        Effect.gen(function*() {
          const server = yield* Wire.serve(refused, ...answers)
          const error = yield* Effect.flip(
            Effect.provide(call, yield* servicesFor(server, { retry: Schedule.recurs(2) }))
          )
          assert.strictEqual(error._tag, "RateLimitError")
          assert.strictEqual(error.isRetryable, !/execution|run/.test(what))
          assert.lengthOf(server.requests, 1)
        }))
    }

    it.scopedLive("maxRetries 0 means never, and 1 is the default", () =>
      Effect.gen(function*() {
        const never = yield* Wire.serve(refusal({}), ...answers)
        yield* Effect.flip(Effect.provide(call, yield* servicesFor(never, { maxRetries: 0 })))
        assert.lengthOf(never.requests, 1)
      }))

    it.scoped("and refused again: as often as maxRetries says, then it is the caller's to retry", () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(refusal({}, "1"), refusal({}, "7"), ...answers)
        const fiber = yield* Effect.fork(Effect.flip(Effect.provide(call, yield* servicesFor(server))))
        yield* sleepingUntil(1000)
        yield* TestClock.adjust("1 seconds")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "RateLimitError" && error.retryAfter, 7)
        assert.isTrue(error.isRetryable)
        assert.lengthOf(server.requests, 2)
      }))

    it.scopedLive("what then fails is told as if it had been the first", () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(refusal({}), Wire.reset)
        const error = yield* Effect.flip(
          Effect.provide(call, yield* servicesFor(server, { retry: Schedule.recurs(1) }))
        )
        assert.strictEqual(error._tag === "APIConnectionError" && error.sent, "unknown")
        assert.isFalse(error.isRetryable)
        assert.lengthOf(server.requests, 2)
      }))
  })
}

const call = { id: "tc_1", type: "function", function: { name: "look", arguments: "{}" } }

const pause = Wire.json(200, {
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "triage",
  iterationsUsed: 1,
  toolCallMessages: [{ role: "assistant", content: null, tool_calls: [call] }],
  toolCalls: [call],
  accumulatedOutputs: {},
  flowId: "f",
  blockCount: 1
})

const declarations = [{ type: "function", function: { name: "look" } }] as const

const answered = [{ toolCallId: "tc_1", content: "x" }]

describe("a run that has begun", () => {
  it.scopedLive("a refused resume fails, with the state still in hand", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause, refusal({}), result)
      const flows = Context.get(yield* servicesFor(server, { retry: Schedule.recurs(2) }), FlowService)
      const paused = yield* flows.execute(flow, { message: "hi", tools: declarations })
      if (paused.status !== "tool_calls_required") return assert.fail("no pause")
      const error = yield* Effect.flip(flows.resume(flow, paused.state, answered))
      assert.strictEqual(error._tag, "RateLimitError")
      assert.lengthOf(server.requests, 2)
      yield* flows.resume(flow, paused.state, answered)
      assert.lengthOf(server.requests, 3)
    }))

  it.scopedLive("a refused later step fails with the cursor, which goes on", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Frames.twoSteps[0], refusal({}), Frames.twoSteps[1])
      const flows = Context.get(yield* servicesFor(server, { retry: Schedule.recurs(2) }), FlowService)
      const error = yield* Effect.flip(Stream.runDrain(flows.events(flow, { message: "hi" })))
      assert.strictEqual(error._tag, "RateLimitError")
      assert.isFalse(error.isRetryable)
      assert.lengthOf(server.requests, 2)
      const rest = yield* Stream.runCollect(flows.events(flow, { from: "cursor" in error ? error.cursor : undefined }))
      assert.strictEqual(Chunk.unsafeLast(rest).type, "flow_completed")
      assert.lengthOf(server.requests, 3)
    }))
})

it.scopedLive("through a relay it is the same", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(refusal("{\"detail\":\"RATE_LIMITED\"}"), result, pause, refusal({}))
    const context = yield* Layer.build(Relay.layer({
      url: server.baseUrl.replace("/api/v1", "/agent/execute"),
      retry: Schedule.recurs(2)
    }))
    const flows = Context.get(context, FlowService)
    yield* flows.execute(flow, { message: "hi" })
    assert.lengthOf(server.requests, 2)
    const paused = yield* flows.execute(flow, { message: "hi", tools: declarations })
    if (paused.status !== "tool_calls_required") return assert.fail("no pause")
    const error = yield* Effect.flip(paused.resume(answered))
    assert.strictEqual(error._tag, "RateLimitError")
    assert.lengthOf(server.requests, 4)
  }))

it.scoped("the total clock runs out while a refused call waits: nothing ran, and the error says so", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(refusal({}, "10"), result)
    const flows = Context.get(yield* servicesFor(server, { timeout: "5 seconds" }), FlowService)
    const fiber = yield* Effect.fork(Effect.flip(flows.execute(flow, { message: "hi" })))
    yield* sleepingUntil(10_000)
    yield* TestClock.adjust("5 seconds")
    const error = yield* Fiber.join(fiber)
    assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "total")
    assert.isTrue(error.isRetryable)
    assert.lengthOf(server.requests, 1)
  }))

it.scopedLive("an attempt that may have run is not forgotten when the next one is refused", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(Wire.reset, refusal({}), Wire.json(400, {}))
    const flows = Context.get(yield* servicesFor(server, { retry: Schedule.recurs(2) }), FlowService)
    const error = yield* Effect.flip(flows.execute(flow, { message: "hi", retryPost: true }))
    assert.strictEqual(error.statusCode, 400)
    assert.isFalse(error.isRetryable)
    assert.lengthOf(server.requests, 3)
  }))
