/** Jobs over the scripted `NoukaiHttp`: what is asked, what statuses mean, and the clocks (docs/wire.md#jobs). */
import {
  APIConnectionError,
  APITimeoutError,
  Flow,
  FlowExecutionError,
  FlowNotFoundError,
  type Job,
  JobService,
  PermissionDeniedError,
  RateLimitError,
  TraceScope
} from "@effect-noukai/sdk"
import { isEnded, updates, waitAll } from "@effect-noukai/sdk/Job"
import * as Jobs from "@effect-noukai/sdk/JobService"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Chunk,
  Clock,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Ref,
  Schedule,
  Schema,
  Stream,
  TestClock
} from "effect"
import type { PollJobResponse } from "../src/internal/operations/requests.js"
import { SetClock } from "./support/clock.js"
import { size } from "./support/size.js"

type Poll = Effect.Effect<PollJobResponse, CallError>

const status = (name: string, rest: Partial<PollJobResponse> = {}): Poll => Effect.succeed({ status: name, ...rest })

const unchecked = { disableValidation: true }

const failing = (error: CallError): Poll => Effect.fail(error)

const notFound = failing(
  new FlowNotFoundError({ method: "m", statusCode: 404, code: "JOB_NOT_FOUND", isRetryable: false }, unchecked)
)
const badGateway = failing(
  new FlowExecutionError({ method: "m", statusCode: 502, isRetryable: true }, unchecked)
)
const resetByPeer = failing(new APIConnectionError({ method: "m", sent: "unknown", isRetryable: true }, unchecked))

const submitted = (rest: object = {}) => Effect.succeed({ executionId: "ex-1", ...rest })

const setup = (script: Scripted.Script) =>
  Layer.provideMerge(Jobs.layer, layerScripted({ submitJob: [submitted()], ...script }))

/** Runs with a job that was submitted at instant 0, and answers with the instants of its polls. */
const withJob = <A, E>(
  polls: ReadonlyArray<Poll>,
  use: (job: Job, instants: Effect.Effect<ReadonlyArray<number>>) => Effect.Effect<A, E>
) =>
  Effect.gen(function*() {
    const instants = yield* Ref.make<ReadonlyArray<number>>([])
    const noted = polls.map((poll) =>
      Effect.zipRight(
        Effect.flatMap(Clock.currentTimeMillis, (now) => Ref.update(instants, (all) => [...all, now])),
        poll
      )
    )
    return yield* Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("a/b/c", {})
      return yield* use(job, Ref.get(instants))
    }).pipe(Effect.provide(setup({ pollJob: noted })))
  })

const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ since: Schema.DateFromString }),
  result: Schema.Struct({ score: Schema.NumberFromString })
})

describe("submit (8.1)", () => {
  it.effect("sends message, parameters and overrides like a fresh execute, and gives the handle", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const script = yield* Scripted.ScriptedHttp
      const job = yield* jobs.submit(Grade, {
        message: "hi",
        parameters: { since: new Date(0) },
        blockOverrides: { draft: { model: "small" } },
        snapshots: true,
        version: 3,
        sessionId: "s-1"
      })
      assert.strictEqual(job.executionId, "ex-1")
      assert.strictEqual(job.flowId, "fl_1")
      assert.strictEqual(job.blockCount, 2)
      assert.strictEqual(job.sessionId, "s-1")
      const [request] = yield* script.requests("submitJob")
      assert.deepStrictEqual(request!.flow, { org: "acme", project: "spelling", slug: "grade-3" })
      assert.strictEqual(request!.version, 3)
      assert.strictEqual(request!.sessionId, "s-1")
      assert.deepStrictEqual(request!.body, {
        message: "hi",
        parameters: { since: "1970-01-01T00:00:00.000Z" },
        blockOverrides: { draft: { model: "small" } },
        trace: true
      })
    }).pipe(Effect.provide(setup({ submitJob: [submitted({ status: "started", flowId: "fl_1", blockCount: 2 })] }))))

  const sessionOf = (defaults: { sessionId?: string }, own: { sessionId?: string }, scope: string | undefined) =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const script = yield* Scripted.ScriptedHttp
      const submit = jobs.submit("a/b/c", own)
      const job = yield* scope === undefined
        ? submit
        : Effect.provideService(submit, TraceScope, { mode: "capture", sessionId: scope, http: undefined })
      const [request] = yield* script.requests("submitJob")
      assert.strictEqual(request!.sessionId, job.sessionId)
      return job.sessionId
    }).pipe(Effect.provide(setup({ defaults })))

  it.effect("scopes: the session id is the call's, else the scope's, else the client's, else none", () =>
    Effect.gen(function*() {
      const client = { sessionId: "client" }
      assert.strictEqual(yield* sessionOf(client, { sessionId: "call" }, "scope"), "call")
      assert.strictEqual(yield* sessionOf(client, {}, "scope"), "scope")
      assert.strictEqual(yield* sessionOf(client, {}, undefined), "client")
      assert.isUndefined(yield* sessionOf({}, {}, undefined))
    }))

  for (
    const [field, input] of [
      ["tools", { tools: [] }],
      ["toolChoice", { toolChoice: "auto" }],
      ["attachments", { attachments: [] }],
      ["messages", { messages: [{ role: "user", content: "hi" }] }],
      ["maxToolRounds", { maxToolRounds: 1 }],
      ["maxCostUsd", { maxCostUsd: 1 }],
      ["onPause", { onPause: () => Effect.void }],
      ["message", { message: 1 }],
      ["parameters", { parameters: [] }],
      ["parameters.attachments", { parameters: { attachments: [] } }],
      ["blockOverrides[\"draft\"]", { blockOverrides: { draft: 1 } }],
      ["version", { version: -1 }],
      ["timeout", { timeout: "soon" }]
    ] as const
  ) {
    it.effect(`${field} that the queue does not take is refused before anything is sent`, () =>
      Effect.gen(function*() {
        const jobs = yield* JobService
        const script = yield* Scripted.ScriptedHttp
        const error = yield* Effect.flip(jobs.submit("a/b/c", input as never))
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
        assert.lengthOf(yield* script.calls, 0)
      }).pipe(Effect.provide(setup({}))))
  }

  it.effect("the total clock bounds the submission and says whether it was sent", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const fiber = yield* Effect.fork(Effect.flip(jobs.submit("a/b/c", { timeout: "3 seconds" })))
      yield* TestClock.adjust("3 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "APITimeoutError")
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "total")
      assert.strictEqual(error._tag === "APITimeoutError" && error.sent, "no")
    }).pipe(Effect.provide(setup({ submitJob: [Effect.never] }))))
})

describe("attach", () => {
  it.effect("gives a handle that asks for the same job, and sends nothing by itself", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const script = yield* Scripted.ScriptedHttp
      const job = yield* jobs.attach(Grade, "ex/7")
      assert.lengthOf(yield* script.calls, 0)
      assert.strictEqual(job.executionId, "ex/7")
      assert.isUndefined(job.flowId)
      assert.isUndefined(job.blockCount)
      assert.isUndefined(job.sessionId)
      assert.deepStrictEqual(yield* job.result(), { score: 9 })
      const [request] = yield* script.requests("pollJob")
      assert.strictEqual(request!.executionId, "ex/7")
      assert.deepStrictEqual(request!.flow, { org: "acme", project: "spelling", slug: "grade-3" })
    }).pipe(Effect.provide(setup({ pollJob: [status("completed", { result: { score: "9" } })] }))))

  it.effect("an id, flow or grace that cannot be right is refused", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      for (const id of ["", ".", "..", "a\nb", "\ud800", "x".repeat(256), 7 as never]) {
        assert.strictEqual((yield* Effect.flip(jobs.attach("a/b/c", id))).field, "executionId")
      }
      assert.strictEqual((yield* Effect.flip(jobs.attach("c", "ex"))).field, "flow")
      assert.strictEqual((yield* Effect.flip(jobs.attach("a/b/c", "ex", { grace: -1 }))).field, "grace")
    }).pipe(Effect.provide(setup({}))))
})

describe("poll (8.2)", () => {
  const polled = (response: Poll) => withJob([response], (job) => job.poll())

  it.effect("each status is itself", () =>
    Effect.gen(function*() {
      const executionId = "ex-1"
      assert.deepStrictEqual(yield* polled(status("pending")), { status: "pending", executionId })
      assert.deepStrictEqual(yield* polled(status("running")), { status: "running", executionId })
      assert.deepStrictEqual(yield* polled(status("completed", { result: { text: "done" } })), {
        status: "completed",
        executionId,
        result: { text: "done" }
      })
      assert.deepStrictEqual(yield* polled(status("completed", { result: null })), {
        status: "completed",
        executionId,
        result: null
      })
      assert.deepStrictEqual(yield* polled(status("failed", { error: "boom" })), {
        status: "failed",
        executionId,
        error: "boom"
      })
      assert.deepStrictEqual(yield* polled(status("failed", { error: { code: "X" }, result: 1 })), {
        status: "failed",
        executionId,
        error: { code: "X" }
      })
      assert.deepStrictEqual(yield* polled(status("failed", { result: "told as a result" })), {
        status: "failed",
        executionId,
        error: "told as a result"
      })
      assert.deepStrictEqual(yield* polled(status("cancelled")), {
        status: "cancelled",
        executionId,
        error: undefined
      })
    }))

  it.effect("a status that is not known is kept as the server calls it", () =>
    Effect.gen(function*() {
      for (const name of ["queued", "", "unknown", "COMPLETED"]) {
        const seen = yield* polled(status(name))
        assert.deepStrictEqual(seen, { status: "unknown", executionId: "ex-1", reported: name })
        assert.isFalse(isEnded(seen))
      }
    }))

  it.effect("the result goes through the flow's schema; one that does not fit fails with the raw value", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.attach(Grade, "ex")
      const good = yield* job.poll()
      assert.deepStrictEqual(good, { status: "completed", executionId: "ex", result: { score: 7 } })
      const error = yield* Effect.flip(job.poll())
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.strictEqual(error.executionId, "ex")
      assert.strictEqual(error.requestId, "req-2")
      assert.deepStrictEqual(error._tag === "UnexpectedResponseError" && error.value, { score: "many" })
    }).pipe(Effect.provide(setup({
      pollJob: [
        status("completed", { result: { score: "7" } }),
        status("completed", { result: { score: "many" }, requestId: "req-2" })
      ]
    }))))

  it.effect("the client's total clock bounds a poll", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.attach("a/b/c", "ex")
      const fiber = yield* Effect.fork(Effect.flip(job.poll()))
      yield* TestClock.adjust("4 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "total")
      assert.strictEqual(error.executionId, "ex")
    }).pipe(Effect.provide(setup({ defaults: { timeout: Duration.seconds(4) }, pollJob: [Effect.never] }))))

  it.effect("a total clock of its own bounds a poll in place of the client's", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const handles = [yield* jobs.attach("a/b/c", "ex"), yield* jobs.submit("a/b/c", {})]
      for (const job of handles) {
        const fiber = yield* Effect.fork(Effect.flip(job.poll({ timeout: "9 seconds" })))
        yield* TestClock.adjust("8 seconds")
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust("1 second")
        const { executionId, isRetryable, ...error } = yield* Fiber.join(fiber)
        assert.deepInclude(error, { _tag: "APITimeoutError", clock: "total", detail: "after 9000 ms" })
        assert.strictEqual(executionId, job.executionId)
        assert.isTrue(isRetryable)
      }
    }).pipe(
      Effect.provide(setup({ defaults: { timeout: Duration.seconds(4) }, pollJob: [Effect.never, Effect.never] }))
    ))

  it.effect("a clock of 0 has run out before a poll is sent, also of a handle that was made elsewhere", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.attach("a/b/c", "ex")
      for (const handle of [job, { ...job }]) {
        const error = yield* Effect.flip(handle.poll({ timeout: 0 }))
        assert.strictEqual(error._tag === "APITimeoutError" && error.sent, "no")
      }
      const script = yield* Scripted.ScriptedHttp
      assert.lengthOf(yield* script.calls, 0)
    }).pipe(Effect.provide(setup({ pollJob: [status("running")] }))))

  it.effect("what is no job is refused", () =>
    Effect.gen(function*() {
      for (const wrong of [undefined, null, "ex", {}, { executionId: "ex", poll: 1 }]) {
        const error = yield* Effect.flip(Stream.runDrain(updates(wrong as never, Schedule.spaced("1 second"))))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "job")
      }
    }))

  it.effect("a clock that is none is refused, and none at all is no limit", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.attach("a/b/c", "ex")
      for (const handle of [job, { ...job }]) {
        const error = yield* Effect.flip(handle.poll({ timeout: -1 }))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "timeout")
        assert.strictEqual((yield* handle.poll()).status, "running")
      }
    }).pipe(Effect.provide(setup({ pollJob: [status("running"), status("running")] }))))
})

describe("grace after a submission (8.3)", () => {
  it.effect("a 404 is pending before 5 s have passed, and an error from then on", () =>
    withJob([notFound, notFound, notFound, notFound], (job) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* job.poll()).status, "pending")
        yield* TestClock.adjust(4999)
        assert.strictEqual((yield* job.poll()).status, "pending")
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Effect.flip(job.poll()))._tag, "FlowNotFoundError")
        yield* TestClock.adjust("1 hour")
        const error = yield* Effect.flip(job.poll())
        assert.strictEqual(error.statusCode, 404)
        assert.strictEqual(error.code, "JOB_NOT_FOUND")
      })))

  it.effect("it begins when the submission was answered", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const fiber = yield* Effect.fork(jobs.submit("a/b/c", {}))
      yield* TestClock.adjust("20 seconds")
      const job = yield* Fiber.join(fiber)
      yield* TestClock.adjust(4999)
      assert.strictEqual((yield* job.poll()).status, "pending")
    }).pipe(Effect.provide(setup({
      submitJob: [Effect.delay(submitted(), "20 seconds")],
      pollJob: [notFound]
    }))))

  it.effect("an attached handle has none, unless asked for", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const plain = yield* jobs.attach("a/b/c", "ex")
      assert.strictEqual((yield* Effect.flip(plain.poll()))._tag, "FlowNotFoundError")
      const patient = yield* jobs.attach("a/b/c", "ex", { grace: "2 seconds" })
      yield* TestClock.adjust(1999)
      assert.strictEqual((yield* patient.poll()).status, "pending")
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Effect.flip(patient.poll()))._tag, "FlowNotFoundError")
    }).pipe(Effect.provide(setup({ pollJob: [notFound, notFound, notFound] }))))

  it.effect("only a 404 is forgiven", () =>
    withJob(
      [badGateway],
      (job) => Effect.map(Effect.flip(job.poll()), (error) => assert.strictEqual(error.statusCode, 502))
    ))

  it.effect("wait goes through it without noticing", () =>
    withJob(
      [notFound, notFound, notFound, status("completed", { result: 1 })],
      (job, instants) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(job.result())
          yield* TestClock.adjust("6 seconds")
          assert.strictEqual(yield* Fiber.join(fiber), 1)
          assert.deepStrictEqual(yield* instants, [0, 2000, 4000, 6000])
        })
    ))

  it.effect("wait, updates and waitAll go through the 404 of a gateway after it", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const ended = [
        yield* Effect.fork(Effect.flatMap(jobs.attach("a/b/c", "ex"), (job) => job.result())),
        yield* Effect.fork(Effect.flatMap(jobs.attach("a/b/c", "ex"), (job) =>
          Effect.map(Stream.runLast(job.updates), (last) =>
            Option.getOrThrow(last).status))),
        yield* Effect.fork(Effect.flatMap(jobs.attach("a/b/c", "ex"), (job) =>
          Effect.map(Stream.runCollect(waitAll([job])), Chunk.size)))
      ]
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.joinAll(ended), [1, "completed", 1])
    }).pipe(Effect.provide(setup({
      pollJob: [
        ...["<html>", "", "{\"detail\":\"Not Found\"}"].map((responseBody) =>
          Effect.fail(
            new FlowNotFoundError({ method: "m", statusCode: 404, responseBody, isRetryable: false }, unchecked)
          )
        ),
        ...Array.from({ length: 3 }, () =>
          status("completed", { result: 1 }))
      ]
    }))))

  it.effect("wait ends with the 404 that comes after it", () =>
    withJob([notFound, notFound, notFound, notFound], (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(job.wait()))
        yield* TestClock.adjust("6 seconds")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "FlowNotFoundError")
        assert.deepStrictEqual(yield* instants, [0, 2000, 4000, 6000])
      })))
})

describe("wait (8.4)", () => {
  it.effect("polls at once and then every 2 s, for 300 s, and never at or after the deadline", () =>
    withJob(Arr.replicate(status("running"), 151), (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(job.wait()))
        yield* TestClock.adjust(299_999)
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust(1)
        const error = yield* Fiber.join(fiber)
        assert.instanceOf(error, APITimeoutError)
        assert.strictEqual(error._tag, "APITimeoutError")
        if (error._tag === "APITimeoutError") {
          assert.strictEqual(error.clock, "wait")
          assert.strictEqual(error.executionId, "ex-1")
          assert.strictEqual(error.lastStatus, "running")
          assert.strictEqual(error.flow, "a/b/c")
          assert.isTrue(error.isRetryable)
          assert.include(error.message, "attach")
        }
        assert.deepStrictEqual(yield* instants, Arr.makeBy(150, (n) => n * 2000))
      })))

  it.effect("a schedule sees each status and says when to poll again", () =>
    withJob(
      [status("pending"), status("running"), status("running"), status("completed", { result: 5 })],
      (job, instants) =>
        Effect.gen(function*() {
          const seen = yield* Ref.make<ReadonlyArray<string>>([])
          const schedule = Schedule.identity<{ readonly status: string }>().pipe(
            Schedule.tapInput((status: { readonly status: string }) =>
              Ref.update(seen, (all) => [...all, status.status])
            ),
            Schedule.addDelay((status) => status.status === "pending" ? "10 seconds" : "1 seconds")
          )
          const fiber = yield* Effect.fork(job.wait({ schedule }))
          yield* TestClock.adjust("12 seconds")
          assert.deepStrictEqual(yield* Fiber.join(fiber), { status: "completed", executionId: "ex-1", result: 5 })
          assert.deepStrictEqual(yield* instants, [0, 10_000, 11_000, 12_000])
          assert.deepStrictEqual(yield* Ref.get(seen), ["pending", "running", "running"])
        })
    ))

  it.effect("exponential schedules keep their instants", () =>
    withJob(
      [...Arr.replicate(status("running"), 5), status("failed", { error: "x" })],
      (job, instants) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(job.wait({ schedule: Schedule.exponential("1 seconds") }))
          yield* TestClock.adjust("31 seconds")
          assert.strictEqual((yield* Fiber.join(fiber)).status, "failed")
          assert.deepStrictEqual(yield* instants, [0, 1000, 3000, 7000, 15_000, 31_000])
        })
    ))

  it.effect("a schedule that ends ends the waiting", () =>
    withJob(Arr.replicate(status("running"), 4), (job, instants) =>
      Effect.gen(function*() {
        const schedule = Schedule.intersect(Schedule.recurs(2), Schedule.spaced("1 seconds"))
        const fiber = yield* Effect.fork(Effect.flip(job.wait({ schedule })))
        yield* TestClock.adjust("2 seconds")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "wait")
        assert.strictEqual(error._tag === "APITimeoutError" && error.lastStatus, "running")
        assert.deepStrictEqual(yield* instants, [0, 1000, 2000])
      })))

  it.effect("an interval longer than the timeout does not overshoot it", () =>
    withJob([status("pending")], (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(job.wait({ timeout: "200 millis" })))
        yield* TestClock.adjust(200)
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "APITimeoutError" && error.lastStatus, "pending")
        assert.deepStrictEqual(yield* instants, [0])
      })))

  it.effect("the deadline interrupts a poll in flight", () =>
    Effect.gen(function*() {
      const interruptedAt = yield* Ref.make<ReadonlyArray<number>>([])
      const hanging: Poll = Effect.onInterrupt(Effect.never, () =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => Ref.update(interruptedAt, (all) => [...all, now])))
      yield* withJob([status("running"), hanging], (job) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Effect.flip(job.wait({ timeout: "3 seconds" })))
          yield* TestClock.adjust("3 seconds")
          const error = yield* Fiber.join(fiber)
          assert.strictEqual(error._tag === "APITimeoutError" && error.lastStatus, "running")
        }))
      assert.deepStrictEqual(yield* Ref.get(interruptedAt), [3000])
    }))

  it.effect("interrupting the waiting interrupts the poll in flight", () =>
    Effect.gen(function*() {
      const interrupted = yield* Ref.make(false)
      const hanging: Poll = Effect.onInterrupt(Effect.never, () => Ref.set(interrupted, true))
      yield* withJob([hanging], (job) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(job.wait())
          yield* Effect.yieldNow()
          assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        }))
      assert.isTrue(yield* Ref.get(interrupted))
    }))

  it.effect("zero: one poll, and no waiting", () =>
    Effect.gen(function*() {
      const done = yield* withJob([status("completed", { result: 1 })], (job) => job.wait({ timeout: 0 }))
      assert.strictEqual(done.status, "completed")
      yield* withJob([status("running"), status("completed")], (job, instants) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(job.wait({ timeout: 0 }))
          assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "wait")
          assert.strictEqual(error._tag === "APITimeoutError" && error.lastStatus, "running")
          assert.deepStrictEqual(yield* instants, [0])
        }))
    }))

  it.effect("infinity: no deadline", () =>
    withJob(
      [...Arr.replicate(status("running"), size(400, 160)), status("completed", { result: 1 })],
      (job) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(job.result({ timeout: Duration.infinity }))
          yield* TestClock.adjust("800 seconds")
          assert.strictEqual(yield* Fiber.join(fiber), 1)
        })
    ))

  it.effect("a timeout that is none is refused before a poll", () =>
    withJob([], (job) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(job.wait({ timeout: "whenever" as never }))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "timeout")
      })))

  it.effect("a passing 502, a reset and an attempt that timed out do not end it", () =>
    withJob([
      badGateway,
      resetByPeer,
      failing(
        new APITimeoutError({ method: "m", clock: "attempt", sent: "unknown", isRetryable: true }, unchecked)
      ),
      failing(new APITimeoutError({ method: "m", clock: "total", sent: "yes", isRetryable: false }, unchecked)),
      status("completed", { result: 1 })
    ], (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(job.result())
        yield* TestClock.adjust("8 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), 1)
        assert.deepStrictEqual(yield* instants, [0, 2000, 4000, 6000, 8000])
      })))

  it.effect("a rate limit is waited out, as long as the server asks", () =>
    withJob([
      failing(
        new RateLimitError({ method: "m", statusCode: 429, retryAfter: 45, isRetryable: true }, unchecked)
      ),
      status("completed", { result: 1 })
    ], (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(job.result())
        yield* TestClock.adjust("45 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), 1)
        assert.deepStrictEqual(yield* instants, [0, 45_000])
      })))

  it.effect("when no poll was answered, the timeout says why", () =>
    withJob(Arr.replicate(badGateway, 3), (job) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(job.wait({ timeout: "5 seconds" })))
        yield* TestClock.adjust("5 seconds")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag, "APITimeoutError")
        assert.isUndefined(error._tag === "APITimeoutError" ? error.lastStatus : "")
        assert.instanceOf(error.cause, FlowExecutionError)
      })))

  it.effect("any other failure ends it", () =>
    withJob([
      status("running"),
      failing(new PermissionDeniedError({ method: "m", statusCode: 403, isRetryable: false }, unchecked))
    ], (job) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(job.wait()))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "PermissionDeniedError")
      })))

  it.effect("cancelled ends it; a status that is not known does not", () =>
    withJob(
      [status("hibernating"), status("cancelled", { error: "by an admin" })],
      (job, instants) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(job.wait())
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(yield* Fiber.join(fiber), {
            status: "cancelled",
            executionId: "ex-1",
            error: "by an admin"
          })
          assert.deepStrictEqual(yield* instants, [0, 2000])
        })
    ))
})

describe("result", () => {
  const failureOf = (last: Poll) =>
    withJob([last], (job) =>
      Effect.map(Effect.flip(job.result()), (error) => {
        assert.instanceOf(error, FlowExecutionError)
        return error as FlowExecutionError
      }))

  it.effect("a job that failed is a FlowExecutionError with the server's code and text", () =>
    Effect.gen(function*() {
      const error = yield* failureOf(status("failed", { error: { code: "NO_STEPS", message: "empty flow" } }))
      assert.strictEqual(error.code, "NO_STEPS")
      assert.strictEqual(error.detail, "empty flow")
      assert.strictEqual(error.executionId, "ex-1")
      assert.deepStrictEqual(error.result, { code: "NO_STEPS", message: "empty flow" })
      assert.isFalse(error.isRetryable)
      assert.strictEqual((yield* failureOf(status("failed", { error: "boom" }))).detail, "boom")
      const nested = yield* failureOf(status("failed", { error: { error: { code: "X", message: "boom" } } }))
      assert.deepStrictEqual([nested.code, nested.detail], ["X", "boom"])
      const asText = yield* failureOf(status("failed", { error: "{\"code\":\"X\",\"message\":\"boom\"}" }))
      assert.deepStrictEqual([asText.code, asText.detail], ["X", "boom"])
      assert.isUndefined((yield* failureOf(status("failed"))).detail)
    }))

  it.effect("a job that was cancelled is a FlowExecutionError that says so", () =>
    Effect.map(failureOf(status("cancelled")), (error) => assert.strictEqual(error.detail, "the job was cancelled")))
})

describe("updates", () => {
  it.effect("each status once, up to and with the last one; then the stream ends by itself", () =>
    withJob([
      notFound,
      status("pending"),
      status("running"),
      status("running"),
      badGateway,
      status("warming"),
      status("cooling"),
      status("cooling"),
      status("completed", { result: 3 })
    ], (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Stream.runCollect(job.updates))
        yield* TestClock.adjust("16 seconds")
        assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(fiber)), [
          { status: "pending", executionId: "ex-1" },
          { status: "running", executionId: "ex-1" },
          { status: "unknown", executionId: "ex-1", reported: "warming" },
          { status: "unknown", executionId: "ex-1", reported: "cooling" },
          { status: "completed", executionId: "ex-1", result: 3 }
        ])
        assert.deepStrictEqual(yield* instants, Arr.makeBy(9, (n) => n * 2000))
      })))

  for (const last of ["failed", "cancelled"] as const) {
    it.effect(`${last} is the last status`, () =>
      withJob([status("running"), status(last)], (job) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Stream.runCollect(Stream.map(job.updates, (seen) => seen.status)))
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(fiber)), ["running", last])
        })))
  }

  it.effect("polls only when a status is asked for", () =>
    withJob([status("pending"), status("running")], (job, instants) =>
      Effect.gen(function*() {
        assert.strictEqual(Chunk.size(yield* Stream.runCollect(Stream.take(job.updates, 1))), 1)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* instants, [0])
      })))

  it.effect("each run of the stream begins anew", () =>
    withJob([status("failed"), status("failed")], (job, instants) =>
      Effect.gen(function*() {
        yield* Stream.runDrain(job.updates)
        yield* Stream.runDrain(job.updates)
        assert.lengthOf(yield* instants, 2)
      })))

  it.effect("fails with what is no passing failure", () =>
    withJob([status("running"), failing(new PermissionDeniedError({ method: "m", isRetryable: false }, unchecked))], (
      job
    ) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(job.updates)))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "PermissionDeniedError")
      })))

  it.effect("fails once polls have failed for 300 s in a row", () =>
    withJob([status("running"), ...Arr.replicate(resetByPeer, 200)], (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(job.updates)))
        yield* TestClock.adjust("302 seconds")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "APIConnectionError")
        assert.strictEqual((yield* instants).at(-1), 302_000)
      })))

  it.effect("an answer ends a row of failures, however slow the schedule", () =>
    withJob([
      status("running"),
      badGateway,
      status("running"),
      badGateway,
      status("completed", { result: 1 })
    ], (job, instants) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Stream.runCollect(updates(job, Schedule.spaced("6 minutes"))))
        yield* TestClock.adjust("24 minutes")
        const seen = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
        assert.deepStrictEqual(seen.map((last) => last.status), ["running", "completed"])
        assert.lengthOf(yield* instants, 5)
      })))

  it.effect("on a schedule of the caller's, which ends the stream when it ends", () =>
    withJob([status("pending"), status("running"), status("running")], (job, instants) =>
      Effect.gen(function*() {
        const schedule = Schedule.intersect(Schedule.recurs(2), Schedule.spaced("250 millis"))
        const fiber = yield* Effect.fork(Stream.runCollect(updates(job, schedule)))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(Chunk.size(yield* Fiber.join(fiber)), 2)
        assert.deepStrictEqual(yield* instants, [0, 250, 500])
      })))
})

const rateLimited = (retryAfter: number): Poll =>
  failing(new RateLimitError({ method: "m", statusCode: 429, retryAfter, isRetryable: true }, unchecked))

const unavailable = (retryAfter: number): Poll =>
  failing(new FlowExecutionError({ method: "m", statusCode: 503, retryAfter, isRetryable: true }, unchecked))

describe("however long the server asks to wait", () => {
  for (const [name, told] of [["429", rateLimited], ["503", unavailable]] as const) {
    for (const seconds of [61, 100_000, Number.MAX_SAFE_INTEGER, Infinity]) {
      it.effect(`${name}, ${seconds} s: wait without a deadline polls again after 60 s`, () =>
        withJob(
          [told(seconds), told(seconds), status("completed", { result: 1 })],
          (job, instants) =>
            Effect.gen(function*() {
              const fiber = yield* Effect.fork(job.result({ timeout: Duration.infinity }))
              yield* TestClock.adjust("2 minutes")
              assert.strictEqual(yield* Fiber.join(fiber), 1)
              assert.deepStrictEqual(yield* instants, [0, 60_000, 120_000])
            })
        ))

      it.effect(`${name}, ${seconds} s: updates polls again after 60 s`, () =>
        withJob(
          [status("running"), told(seconds), status("completed", { result: 1 })],
          (job, instants) =>
            Effect.gen(function*() {
              const fiber = yield* Effect.fork(Stream.runCollect(job.updates))
              yield* TestClock.adjust("62 seconds")
              assert.strictEqual(Chunk.size(yield* Fiber.join(fiber)), 2)
              assert.deepStrictEqual(yield* instants, [0, 2000, 62_000])
            })
        ))
    }

    it.effect(`${name}: wait sleeps no longer than its clock has left`, () =>
      withJob([told(100_000), told(100_000)], (job, instants) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Effect.flip(job.wait({ timeout: "70 seconds" })))
          yield* TestClock.adjust("70 seconds")
          const error = yield* Fiber.join(fiber)
          assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "wait")
          assert.deepStrictEqual(yield* instants, [0, 60_000])
        })))

    it.effect(`${name}: updates gives up after 300 s, and polls once more before it does`, () =>
      withJob([status("running"), ...Arr.replicate(told(100_000), 7)], (job, instants) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(job.updates)))
          yield* TestClock.adjust("302 seconds")
          const error = yield* Fiber.join(fiber)
          assert.strictEqual(error.statusCode, Number(name))
          assert.deepStrictEqual(yield* instants, [0, 2000, 62_000, 122_000, 182_000, 242_000, 302_000])
        })))
  }

  for (const seconds of [-1, NaN, 0]) {
    it.effect(`${seconds} s is no wait at all`, () =>
      withJob([rateLimited(seconds), status("completed", { result: 1 })], (job, instants) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(job.result())
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(yield* Fiber.join(fiber), 1)
          assert.deepStrictEqual(yield* instants, [0, 2000])
        })))
  }
})

describe("when the wall clock is set", () => {
  const hours = 3_600_000

  /** Sets the wall clock, and nothing else, with the second poll. */
  const jumping = (
    by: number,
    polls: ReadonlyArray<Poll>,
    watch: (job: Job) => Effect.Effect<unknown, CallError>,
    use: (watching: Fiber.RuntimeFiber<CallError, unknown>) => Effect.Effect<void>
  ) =>
    Effect.flatMap(Effect.clock, (clock) => {
      const wall = new SetClock(clock)
      const [first, second, ...rest] = polls
      return withJob(
        [first!, Effect.zipRight(Effect.sync(() => wall.set(by)), second!), ...rest],
        (job) => Effect.flatMap(Effect.fork(Effect.withClock(Effect.flip(watch(job)), wall)), use)
      )
    })

  for (const by of [5 * hours, -5 * hours]) {
    it.effect(`by ${by} ms, wait polls again at the interval and keeps its deadline`, () =>
      jumping(
        by,
        Arr.replicate(status("running"), 6),
        (job) => job.wait({ schedule: Schedule.fixed("2 seconds"), timeout: "12 seconds" }),
        (watching) =>
          Effect.gen(function*() {
            yield* TestClock.adjust("10 seconds")
            assert.isTrue(Option.isNone(yield* Fiber.poll(watching)))
            yield* TestClock.adjust("2 seconds")
            assert.strictEqual((yield* Effect.orDie(Fiber.join(watching)))._tag, "APITimeoutError")
          })
      ))

    it.effect(`by ${by} ms, updates polls again at the interval and keeps its patience`, () =>
      jumping(
        by,
        [status("running"), ...Arr.replicate(resetByPeer, 7)],
        (job) => Stream.runDrain(updates(job, Schedule.fixed("50 seconds"))),
        (watching) =>
          Effect.gen(function*() {
            yield* TestClock.adjust("300 seconds")
            assert.isTrue(Option.isNone(yield* Fiber.poll(watching)))
            yield* TestClock.adjust("50 seconds")
            assert.strictEqual((yield* Effect.orDie(Fiber.join(watching)))._tag, "APIConnectionError")
          })
      ))

    it.effect(`by ${by} ms, a job that is not found yet stays pending for its 5 seconds and no longer`, () =>
      jumping(by, [notFound, notFound, notFound, notFound], (job) => job.wait(), (watching) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("4 seconds")
          assert.isTrue(Option.isNone(yield* Fiber.poll(watching)))
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual((yield* Effect.orDie(Fiber.join(watching)))._tag, "FlowNotFoundError")
        })))
  }
})
