/** Jobs over real sockets: the bytes, the instants of polls under the test clock, and what interruption closes (docs/wire.md#jobs). */
import { Flow, JobService } from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Context, Effect, Fiber, Schedule, Schema, TestClock } from "effect"
import { plantedKey, servicesFor } from "./support/client.js"
import { sleepingUntil } from "./support/clock.js"
import * as Wire from "./support/WireServer.js"

const accepted = Wire.json(202, { executionId: "ex-1", status: "started", flowId: "fl_1", blockCount: 2 })

const at = (status: string, rest: object = {}) => Wire.json(200, { executionId: "ex-1", status, ...rest })

const jobsFor = (server: { readonly baseUrl: string }, options: Options = {}) =>
  Effect.map(servicesFor(server, options), (context) => Context.get(context, JobService))

const withServer = <A, E, R>(
  answers: ReadonlyArray<Wire.Answer>,
  options: Options,
  use: (jobs: JobService.Service, server: Wire.WireServer) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    return yield* use(yield* jobsFor(server, options), server)
  })

describe("E3: POST …/jobs", () => {
  it.scoped("jobs: carries exactly the fields of a fresh run, and the session", () =>
    withServer([accepted], {}, (jobs, server) =>
      Effect.gen(function*() {
        const Typed = Flow.make("acme/support/greet", {
          parameters: Schema.Struct({ tone: Schema.Literal("dry", "warm") })
        })
        const job = yield* jobs.submit(Typed, {
          message: "hi",
          parameters: { tone: "dry" },
          sessionId: "s-1",
          headers: { "x-tenant": "t" }
        })
        assert.strictEqual(job.executionId, "ex-1")
        assert.strictEqual(job.flowId, "fl_1")
        assert.strictEqual(job.blockCount, 2)
        const [request] = server.requests
        assert.strictEqual(request!.method, "POST")
        assert.strictEqual(request!.path, "/api/v1/seq/acme/support/greet/jobs")
        assert.strictEqual(request!.body, "{\"message\":\"hi\",\"parameters\":{\"tone\":\"dry\"},\"trace\":false}")
        assert.strictEqual(request!.headers["x-session-id"], "s-1")
        assert.strictEqual(request!.headers["x-tenant"], "t")
        assert.strictEqual(request!.headers["authorization"], `Bearer ${plantedKey}`)
        assert.strictEqual(request!.headers["content-type"], "application/json")
      })))

  it.scoped("versions: a version goes into the path", () =>
    withServer([accepted, accepted, accepted], {}, (jobs, server) =>
      Effect.gen(function*() {
        yield* jobs.submit("a/b/c", { version: "draft" })
        yield* jobs.submit("a/b/c", { version: 7 })
        yield* jobs.submit("a/b/c", { version: "production" })
        assert.deepStrictEqual(server.requests.map((request) => request.path), [
          "/api/v1/seq/a/b/c/v0/jobs",
          "/api/v1/seq/a/b/c/v7/jobs",
          "/api/v1/seq/a/b/c/jobs"
        ])
      })))

  for (
    const [name, body] of [
      ["only an execution id", { executionId: "ex-1" }],
      ["nulls", { executionId: "ex-1", status: null, flowId: null, blockCount: null }]
    ] as const
  ) {
    it.scoped(`any 2xx is accepted, and ${name} is enough`, () =>
      withServer([Wire.json(200, body)], {}, (jobs) =>
        Effect.gen(function*() {
          const job = yield* jobs.submit("a/b/c", {})
          assert.strictEqual(job.executionId, "ex-1")
          assert.isUndefined(job.flowId)
          assert.isUndefined(job.blockCount)
        })))
  }

  for (
    const [name, answer] of [
      ["no execution id", Wire.json(202, { status: "started", flowId: "fl", blockCount: 1 })],
      ["null for it", Wire.json(202, { executionId: null })],
      ["an empty one", Wire.json(202, { executionId: "" })],
      ["a number for it", Wire.json(202, { executionId: 7 })],
      ["one that no path can carry", Wire.json(202, { executionId: ".." })],
      ["an array", Wire.json(202, [])],
      ["nothing", Wire.text(202, "")],
      ["HTML", Wire.text(202, "<html>accepted</html>")]
    ] as const
  ) {
    it.scoped(`a 2xx with ${name} is an UnexpectedResponseError, and is not sent again`, () =>
      withServer([answer], { maxRetries: 3 }, (jobs, server) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(jobs.submit("a/b/c", {}))
          assert.strictEqual(error._tag, "UnexpectedResponseError")
          assert.strictEqual(error.statusCode! >= 200 && error.statusCode! < 300, true)
          assert.isFalse(error.isRetryable)
          assert.lengthOf(server.requests, 1)
        })))
  }

  it.scoped("a block count of the wrong type is none: the job was paid for", () =>
    withServer(
      [Wire.json(202, { executionId: "ex-9", blockCount: "two" })],
      {},
      (jobs) =>
        Effect.map(jobs.submit("a/b/c", {}), (job) => {
          assert.strictEqual(job.executionId, "ex-9")
          assert.isUndefined(job.blockCount)
        })
    ))

  for (
    const [name, answer, tag] of [
      ["502", Wire.json(502, {}), "FlowExecutionError"],
      ["503", Wire.json(503, {}), "FlowExecutionError"],
      ["408", Wire.json(408, {}), "FlowExecutionError"],
      ["a reset", Wire.reset, "APIConnectionError"],
      ["a cut body", Wire.truncated("{\"executionId\":"), "APIConnectionError"]
    ] as const
  ) {
    it.scoped(`retries: a submission that met ${name} is not sent again`, () =>
      withServer([answer, accepted], { maxRetries: 3 }, (jobs, server) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(jobs.submit("a/b/c", {}))
          assert.strictEqual(error._tag, tag)
          assert.lengthOf(server.requests, 1)
        })))
  }

  it.scoped("a submission that never left is sent again", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(Effect.map(Wire.serve(), ({ baseUrl }) => baseUrl))
      const phases: Array<string> = []
      const jobs = yield* jobsFor({ baseUrl: gone }, { log: (event) => phases.push(event.phase) })
      const error = yield* Effect.flip(jobs.submit("a/b/c", { retry: Schedule.recurs(1) }))
      assert.strictEqual(error._tag === "APIConnectionError" && error.sent, "no")
      assert.isTrue(error.isRetryable)
      assert.deepStrictEqual(phases, ["request", "error", "retry", "request", "error"])
    }))
})

describe("E4: GET …/jobs/{executionId}", () => {
  it.scoped("asks without version, session, body or the submission's headers", () =>
    withServer([accepted, at("pending")], {}, (jobs, server) =>
      Effect.gen(function*() {
        const job = yield* jobs.submit("a/b/c", { version: 7, sessionId: "s-1", headers: { "x-tenant": "t" } })
        yield* job.poll()
        const request = server.requests[1]!
        assert.strictEqual(request.method, "GET")
        assert.strictEqual(request.path, "/api/v1/seq/a/b/c/jobs/ex-1")
        assert.strictEqual(request.body, "")
        assert.isUndefined(request.headers["x-session-id"])
        assert.isUndefined(request.headers["x-tenant"])
        assert.isUndefined(request.headers["content-type"])
        assert.strictEqual(request.headers["accept"], "application/json")
      })))

  it.scoped("a poll is made again by its own schedule of retries", () =>
    withServer(
      [accepted, Wire.json(429, {}, { "retry-after": "5" }), at("pending")],
      { maxRetries: 3 },
      (jobs, server) =>
        Effect.gen(function*() {
          const job = yield* jobs.submit("a/b/c", {})
          const error = yield* Effect.flip(job.poll({ retry: Schedule.stop }))
          assert.deepInclude({ ...error }, { _tag: "RateLimitError", retryAfter: 5 })
          assert.lengthOf(server.requests, 2)
        })
    ))

  for (const id of ["../../../keys?x=1#", "a/b", "a b", "é€😀", "%2e%2e", "a?b#c", "x;y=z:@&", "\\"]) {
    it.scoped(`the id ${JSON.stringify(id)} stays one segment`, () =>
      withServer([Wire.json(200, { status: "pending" })], {}, (jobs, server) =>
        Effect.gen(function*() {
          const job = yield* jobs.attach({ org: "o?", project: "p#", slug: "s%" }, id)
          yield* job.poll()
          const path = server.requests[0]!.path
          const segments = path.split("/")
          assert.strictEqual(segments.length, 9)
          assert.strictEqual(decodeURIComponent(segments[8]!), id)
          assert.isFalse(path.includes("?") || path.includes("#"))
        })))
  }

  for (
    const [name, body, expected] of [
      ["no execution id", { status: "running" }, "running"],
      ["null for it and for the error", { executionId: null, status: "running", error: null }, "running"],
      ["unknown keys", { executionId: "ex-1", status: "running", progress: 0.5 }, "running"],
      ["null for the error of a failed job", { status: "failed", error: null }, "failed"],
      ["an object for the error", { status: "failed", error: { code: "X" } }, "failed"],
      ["no result", { status: "completed" }, "completed"]
    ] as const
  ) {
    it.scoped(`polls: an answer with ${name} is read`, () =>
      withServer([Wire.json(200, body)], {}, (jobs) =>
        Effect.gen(function*() {
          const job = yield* jobs.attach("a/b/c", "ex-1")
          const status = yield* job.poll()
          assert.strictEqual(status.status, expected)
          assert.strictEqual(status.executionId, "ex-1")
        })))
  }

  for (
    const [name, answer] of [
      ["no status", Wire.json(200, { executionId: "ex-1" })],
      ["null for the status", Wire.json(200, { status: null })],
      ["a number for the status", Wire.json(200, { status: 1 })],
      ["an array", Wire.json(200, [])],
      ["nothing", Wire.text(200, "")],
      ["HTML", Wire.text(200, "<html></html>")]
    ] as const
  ) {
    it.scoped(`an answer with ${name} is an UnexpectedResponseError with the execution id`, () =>
      withServer([answer], {}, (jobs) =>
        Effect.gen(function*() {
          const job = yield* jobs.attach("a/b/c", "ex-1")
          const error = yield* Effect.flip(job.wait())
          assert.strictEqual(error._tag, "UnexpectedResponseError")
          assert.strictEqual(error.executionId, "ex-1")
          assert.isTrue(error.message.startsWith("Job.wait a/b/c: "))
        })))
  }

  it.scoped("a result that does not fit the flow's schema names the request", () =>
    withServer(
      [Wire.json(200, { status: "completed", result: { score: "high" } }, { "x-request-id": "req-5" })],
      {},
      (jobs) =>
        Effect.gen(function*() {
          const Grade = Flow.make("a/b/c", { result: Schema.Struct({ score: Schema.Number }) })
          const job = yield* jobs.attach(Grade, "ex-1")
          const error = yield* Effect.flip(job.result())
          assert.strictEqual(error._tag, "UnexpectedResponseError")
          assert.strictEqual(error.requestId, "req-5")
          assert.deepStrictEqual(error._tag === "UnexpectedResponseError" && error.value, { score: "high" })
        })
    ))

  it.scoped("a passing failure of a poll is retried as every read is", () =>
    withServer([Wire.json(503, {}), at("running")], {}, (jobs, server) =>
      Effect.gen(function*() {
        const job = yield* jobs.attach("a/b/c", "ex-1")
        const fiber = yield* Effect.fork(job.poll())
        yield* server.arrived(1)
        while (fiber.unsafePoll() === null && server.requests.length < 2) yield* TestClock.adjust("1 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).status, "running")
      })))
})

/** Follows a wait over the socket: nothing arrives a millisecond before one of the first instants, one poll at each. */
const expectPolls = (server: Wire.WireServer, instants: ReadonlyArray<number>) =>
  Effect.forEach(instants, (instant, n) =>
    Effect.gen(function*() {
      if (instant > 0) {
        yield* sleepingUntil(instant)
        // each step of the clock waits 10 ms and more for the fibers
        if (n < 10) yield* TestClock.setTime(instant - 1)
        assert.lengthOf(server.requests, n)
        yield* TestClock.setTime(instant)
      }
      yield* server.arrived(n + 1)
    }), { discard: true })

describe("waiting over a socket (8.4)", () => {
  it.scoped("default: at once, every 2 s, gives up at exactly 300 s", () =>
    withServer(Arr.replicate(at("running"), 150), {}, (jobs, server) =>
      Effect.gen(function*() {
        const job = yield* jobs.attach("a/b/c", "ex-1")
        const fiber = yield* Effect.fork(Effect.flip(job.wait()))
        yield* expectPolls(server, Arr.makeBy(150, (n) => n * 2000))
        yield* sleepingUntil(300_000)
        yield* TestClock.setTime(299_999)
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.setTime(300_000)
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "wait")
        assert.strictEqual(error._tag === "APITimeoutError" && error.lastStatus, "running")
        assert.strictEqual(error.executionId, "ex-1")
        assert.lengthOf(server.requests, 150)
      })))

  it.scoped("a custom schedule: its instants, up to the end of the job", () =>
    withServer(
      [at("pending"), at("running"), at("running"), at("running"), at("completed", { result: "ok" })],
      {},
      (jobs, server) =>
        Effect.gen(function*() {
          const job = yield* jobs.attach("a/b/c", "ex-1")
          const fiber = yield* Effect.fork(job.result({ schedule: Schedule.fibonacci("1 seconds") }))
          yield* expectPolls(server, [0, 1000, 2000, 4000, 7000])
          assert.strictEqual(yield* Fiber.join(fiber), "ok")
        })
    ))

  it.scoped("a 502 and a reset in passing do not end it", () =>
    withServer(
      [at("running"), Wire.json(502, {}), Wire.reset, at("completed", { result: 1 })],
      { maxRetries: 0 },
      (jobs, server) =>
        Effect.gen(function*() {
          const job = yield* jobs.attach("a/b/c", "ex-1")
          const fiber = yield* Effect.fork(job.result())
          yield* expectPolls(server, [0, 2000, 4000, 6000])
          assert.strictEqual(yield* Fiber.join(fiber), 1)
        })
    ))

  it.scoped("a poll that hangs gets 30 s, and the next one is made", () =>
    withServer(
      [Wire.silence, at("completed", { result: 1 })],
      { maxRetries: 0 },
      (jobs, server) =>
        Effect.gen(function*() {
          const job = yield* jobs.attach("a/b/c", "ex-1")
          const fiber = yield* Effect.fork(job.result())
          yield* server.arrived(1)
          yield* TestClock.setTime(29_999)
          assert.lengthOf(server.requests, 1)
          yield* TestClock.setTime(30_000)
          yield* sleepingUntil(32_000)
          yield* TestClock.setTime(32_000)
          assert.strictEqual(yield* Fiber.join(fiber), 1)
          assert.lengthOf(server.requests, 2)
        })
    ))

  it.scoped("a shorter attempt clock of the client, or of the call, is kept", () =>
    withServer(
      [Wire.silence, Wire.silence],
      { maxRetries: 0, attemptTimeout: "5 seconds" },
      (jobs, server) =>
        Effect.gen(function*() {
          const job = yield* jobs.attach("a/b/c", "ex-1")
          const polled = yield* Effect.fork(Effect.flip(job.poll()))
          yield* server.arrived(1)
          yield* TestClock.setTime(5000)
          const error = yield* Fiber.join(polled)
          assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "attempt")
          const waited = yield* Effect.fork(Effect.flip(job.wait({ timeout: 0, attemptTimeout: "40 seconds" })))
          yield* server.arrived(2)
          yield* TestClock.setTime(44_999)
          assert.isNull(waited.unsafePoll())
          yield* TestClock.setTime(45_000)
          assert.strictEqual((yield* Fiber.join(waited))._tag, "APITimeoutError")
        })
    ))

  it.scoped("the deadline closes the socket of a poll in flight", () =>
    withServer([at("running"), Wire.silence], {}, (jobs, server) =>
      Effect.gen(function*() {
        const job = yield* jobs.attach("a/b/c", "ex-1")
        const fiber = yield* Effect.fork(Effect.flip(job.wait({ timeout: "5 seconds" })))
        yield* expectPolls(server, [0, 2000])
        yield* TestClock.setTime(5000)
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "wait")
        yield* server.allEnded
      })))

  it.scoped("interrupting the waiting closes the socket", () =>
    withServer([Wire.silence], {}, (jobs, server) =>
      Effect.gen(function*() {
        const job = yield* jobs.attach("a/b/c", "ex-1")
        const fiber = yield* Effect.fork(job.wait())
        yield* server.arrived(1)
        yield* Fiber.interrupt(fiber)
        yield* server.allEnded
      })))

  it.scoped("polls: the grace ends at 5 s", () =>
    withServer(
      [accepted, Wire.json(404, { detail: { code: "JOB_NOT_FOUND" } }), Wire.json(404, {})],
      {},
      (jobs) =>
        Effect.gen(function*() {
          const job = yield* jobs.submit("a/b/c", {})
          yield* TestClock.setTime(4999)
          assert.strictEqual((yield* job.poll()).status, "pending")
          yield* TestClock.setTime(5000)
          assert.strictEqual((yield* Effect.flip(job.poll()))._tag, "FlowNotFoundError")
        })
    ))
})
