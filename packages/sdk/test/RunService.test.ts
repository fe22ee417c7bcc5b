/** Reading runs over real sockets: paths of both families, queries, ids, errors and clocks (docs/wire.md#runs). */
import {
  type CallError,
  FlowService,
  JobService,
  type NoukaiError,
  NoukaiHttp,
  RunService,
  Trace,
  TraceScope
} from "@effect-noukai/sdk"
import * as Jobs from "@effect-noukai/sdk/JobService"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import type { StepTraceOptions } from "@effect-noukai/sdk/RunService"
import * as Runs from "@effect-noukai/sdk/RunService"
import * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Context, Effect, Fiber, Layer, Stream, TestClock } from "effect"
import { plantedKey, servicesFor } from "./support/client.js"
import { httpOf } from "./support/http.js"
import * as Wire from "./support/WireServer.js"

const flowRun = { id: "ex-1", flowId: "fl_1", status: "completed" }
const step = { stepId: "classify", attempt: 1, status: "completed", costUsd: "0.1" }
const decodedStep = { ...step, truncated: false }

const withServer = <A, E, R>(
  answers: ReadonlyArray<Wire.Answer>,
  use: (runs: RunService.Service, server: Wire.WireServer) => Effect.Effect<A, E, R>,
  options: Options = {}
) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const context = yield* servicesFor(server, options)
    return yield* use(Context.get(context, RunService), server)
  })

const paths = (server: Wire.WireServer) => server.requests.map(({ method, path }) => `${method} ${path}`)

describe("the cost of a run", () => {
  for (const costUsd of ["NaN", "1e400", "-0.01", "", "a lot", "Infinity", 0.1, {}]) {
    it.scoped(`is unknown where a step cost ${JSON.stringify(costUsd)}`, () =>
      withServer([Wire.json(200, { flowRun, steps: [step, { ...step, costUsd }] })], (runs) =>
        Effect.gen(function*() {
          const cost = yield* runs.cost("a/b/c", "ex-1")
          assert.deepStrictEqual([cost.isKnown, cost.costUsd], [false, "0.1"])
        })))
  }

  for (const [costUsd, sum] of [[null, "0.1"], ["0", "0.1"], ["-0.00", "0.1"], ["1e-12", "0.100000000001"]]) {
    it.scoped(`is known where a step cost ${JSON.stringify(costUsd)}`, () =>
      withServer([Wire.json(200, { flowRun, steps: [step, { ...step, costUsd }] })], (runs) =>
        Effect.gen(function*() {
          const cost = yield* runs.cost("a/b/c", "ex-1")
          assert.deepStrictEqual([cost.isKnown, cost.costUsd], [true, sum])
        })))
  }
})

describe("E5: a trace", () => {
  it.scoped("traces: is read with one GET, without session, version or body", () =>
    withServer(
      [Wire.json(200, { flowRun, steps: [step, { ...step, attempt: 2, costUsd: "0.2" }] })],
      (runs, server) =>
        Effect.gen(function*() {
          const trace = yield* runs.trace("a/b/c", "ex-1", { headers: { "x-tenant": "t" } })
          assert.deepStrictEqual(trace.flowRun, flowRun)
          assert.deepStrictEqual(trace.steps, [decodedStep, { ...decodedStep, attempt: 2, costUsd: "0.2" }])
          assert.strictEqual(BigDecimal.format(Trace.totals(trace).cost), "0.3")
          assert.deepStrictEqual(paths(server), ["GET /api/v1/seq/a/b/c/runs/ex-1/trace"])
          const [request] = server.requests
          assert.strictEqual(request!.headers["authorization"], `Bearer ${plantedKey}`)
          assert.strictEqual(request!.headers["x-tenant"], "t")
          assert.isUndefined(request!.headers["x-session-id"])
          assert.strictEqual(request!.body, "")
        }),
      { sessionId: "s-1" }
    ))

  for (
    const [status, tag] of [
      [401, "AuthenticationError"],
      [403, "PermissionDeniedError"],
      [404, "FlowNotFoundError"],
      [410, "FlowExecutionError"]
    ] as const
  ) {
    it.scoped(`runs: ${status} is ${tag} with the execution id`, () =>
      withServer(
        [Wire.json(status, { detail: { code: "RUN_NOT_FOUND" } })],
        (runs) =>
          Effect.map(Effect.flip(runs.trace("a/b/c", "ex-1")), (error) => {
            assert.strictEqual(error._tag, tag)
            assert.strictEqual(error.statusCode, status)
            assert.strictEqual(error.code, "RUN_NOT_FOUND")
            assert.strictEqual(error.executionId, "ex-1")
          })
      ))
  }

  for (
    const [name, answer] of [
      ["a step in another shape", Wire.json(200, { flowRun, steps: [{ ...step, stepId: 1 }] })],
      ["no run", Wire.json(200, { steps: [] })],
      ["nothing", Wire.text(200, "")]
    ] as const
  ) {
    it.scoped(`${name} is an UnexpectedResponseError`, () =>
      withServer([answer], (runs) =>
        Effect.map(Effect.flip(runs.trace("a/b/c", "ex-1")), (error) => {
          assert.strictEqual(error._tag, "UnexpectedResponseError")
          assert.strictEqual(error.executionId, "ex-1")
        })))
  }

  it.scoped("a read that failed in passing is made again", () =>
    withServer([Wire.json(502, {}), Wire.json(200, { flowRun, steps: [] })], (runs, server) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(runs.trace("a/b/c", "ex-1"))
        yield* server.arrived(1)
        while (fiber.unsafePoll() === null && server.requests.length < 2) yield* TestClock.adjust("1 seconds")
        assert.lengthOf((yield* Fiber.join(fiber)).steps, 0)
        assert.lengthOf(server.requests, 2)
      })))

  it.scoped("the total clock of the call bounds it and closes the socket", () =>
    withServer([Wire.silence], (runs, server) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.flip(runs.trace("a/b/c", "ex-1", { timeout: "4 seconds" })))
        yield* server.arrived(1)
        yield* TestClock.adjust("4 seconds")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "total")
        assert.strictEqual(error.executionId, "ex-1")
        assert.isTrue(error.isRetryable)
        assert.include(error.message, "this was a read: nothing was started or billed, and it is safe to retry")
        yield* server.allEnded
      })))
})

describe("a read that breaks off says that nothing was started or billed", () => {
  const readings: {
    readonly [name: string]: Effect.Effect<unknown, NoukaiError, RunService | JobService | NoukaiHttp>
  } = {
    trace: Effect.flatMap(RunService, (runs) => runs.trace("a/b/c", "ex-1")),
    stepTrace: Effect.flatMap(RunService, (runs) => runs.stepTrace("a/b/c", "ex-1", "classify")),
    summary: Effect.flatMap(RunService, (runs) => runs.summary("a/b/c", "ex-1")),
    list: Effect.flatMap(RunService, (runs) => Stream.runDrain(runs.list({ flowId: "fl_1" }))),
    liveTrace: Effect.flatMap(RunService, (runs) => Stream.runDrain(runs.liveTrace("a/b/c", "ex-1"))),
    poll: Effect.flatMap(JobService, (jobs) => Effect.flatMap(jobs.attach("a/b/c", "ex-1"), (job) => job.poll())),
    session: Effect.flatMap(NoukaiHttp, (http) =>
      http.request("session", {
        method: "test",
        options: {},
        progress: { sent: "no" },
        sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      }))
  }
  for (const [name, reading] of Object.entries(readings)) {
    for (const [how, answer] of [["is reset", Wire.reset], ["is cut off", Wire.truncated("{")]] as const) {
      it.scopedLive(`${name} that ${how}`, () =>
        Effect.gen(function*() {
          const server = yield* Wire.serve(answer)
          const context = yield* servicesFor(server, { maxRetries: 0 })
          const error = yield* Effect.flip(Effect.provide(reading, context))
          assert.strictEqual(error._tag, "APIConnectionError")
          assert.isTrue(error.isRetryable)
          assert.match(
            error.message,
            /the reading broke off: .*; this was a read: nothing was started or billed, and it is safe to retry$/
          )
          assert.notMatch(error.message, /may/)
        }))
    }
  }

  it.scopedLive("a run that breaks off says that there may be one", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.reset)
      const context = yield* servicesFor(server, { maxRetries: 0 })
      const flows = Context.get(context, FlowService)
      const error = yield* Effect.flip(flows.execute("a/b/c", { message: "hi" }))
      assert.match(error.message, /the connection failed: .*a run may exist and may be billed$/)
    }))
})

describe("E6: a step", () => {
  const ask = (options: StepTraceOptions, answer: unknown, expected: string) =>
    withServer([Wire.json(200, answer)], (runs, server) =>
      Effect.gen(function*() {
        const response = yield* runs.stepTrace("a/b/c", "ex-1", "classify", options)
        assert.deepStrictEqual(paths(server), [`GET /api/v1/seq/a/b/c/runs/ex-1/steps/classify/trace${expected}`])
        return response
      }))

  it.scoped("step-traces: the latest attempt is asked for by saying nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ask({}, step, ""), decodedStep)
      assert.deepStrictEqual(yield* ask({ attempt: "latest" }, step, ""), decodedStep)
    }))

  it.scoped("step-traces: an attempt, an iteration, both", () =>
    Effect.gen(function*() {
      yield* ask({ attempt: 3 }, step, "?attempt=3")
      yield* ask({ loopIndex: 0 }, step, "?loop_index=0")
      yield* ask({ attempt: 2, loopIndex: 5 }, step, "?attempt=2&loop_index=5")
    }))

  it.scoped("step-traces: all attempts are another type", () =>
    Effect.gen(function*() {
      const attempts = [step, { ...step, attempt: 2 }]
      const answer = { stepId: "classify", attempts }
      const all = yield* ask({ attempt: "all" }, answer, "?attempt=all")
      assert.deepStrictEqual(all, {
        stepId: "classify",
        attempts: [decodedStep, { ...decodedStep, attempt: 2 }]
      })
      yield* ask({ attempt: "all", loopIndex: 1 }, answer, "?attempt=all&loop_index=1")
    }))

  it.scoped("one attempt where all were asked for, and the other way round, are UnexpectedResponseErrors", () =>
    withServer(
      [Wire.json(200, step), Wire.json(200, { stepId: "classify", attempts: [] })],
      (runs) =>
        Effect.gen(function*() {
          const all = yield* Effect.flip(runs.stepTrace("a/b/c", "ex-1", "classify", { attempt: "all" }))
          assert.strictEqual(all._tag, "UnexpectedResponseError")
          const one = yield* Effect.flip(runs.stepTrace("a/b/c", "ex-1", "classify"))
          assert.strictEqual(one._tag, "UnexpectedResponseError")
        })
    ))

  it.effect("the same holds whoever answers", () =>
    Effect.gen(function*() {
      const runs = yield* RunService
      const error = yield* Effect.flip(runs.stepTrace("a/b/c", "ex-1", "classify", { attempt: "all" }))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.strictEqual(error.executionId, "ex-1")
    }).pipe(Effect.provide(
      Layer.provide(Runs.layer, layerScripted({ stepTrace: [Effect.succeed(decodedStep)] }))
    )))
})

describe("E8: a summary", () => {
  it.scoped("runs: is the run as a whole", () =>
    withServer(
      [Wire.json(200, { ...flowRun, durationMs: null, stepCount: 2 })],
      (runs, server) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* runs.summary("a/b/c", "ex-1"), { ...flowRun, stepCount: 2 })
          assert.deepStrictEqual(paths(server), ["GET /api/v1/seq/a/b/c/runs/ex-1"])
        })
    ))
})

describe("E10: a list", () => {
  it.scoped("lists-of-runs: by flow id, with limit and status", () =>
    withServer(
      [Wire.json(200, { runs: [flowRun] }), Wire.json(200, { runs: [] }), Wire.json(200, { runs: [] })],
      (runs, server) =>
        Effect.gen(function*() {
          assert.deepStrictEqual([...yield* Stream.runCollect(runs.list({ flowId: "fl_1" }))], [flowRun])
          assert.deepStrictEqual([
            ...yield* Stream.runCollect(runs.list({ flowId: "fl_1", limit: 50, status: "failed" }))
          ], [])
          yield* Stream.runDrain(runs.list({ flowId: "fl&x=1 #", limit: 1 }))
          assert.deepStrictEqual(paths(server), [
            "GET /api/v1/flow-runs?flow_id=fl_1",
            "GET /api/v1/flow-runs?flow_id=fl_1&limit=50&status=failed",
            "GET /api/v1/flow-runs?flow_id=fl%26x%3D1%20%23&limit=1"
          ])
        })
    ))
})

describe("the other family of paths", () => {
  it.scoped("serves every read of a run", () =>
    withServer([
      Wire.json(200, { flowRun, steps: [] }),
      Wire.json(200, step),
      Wire.json(200, flowRun),
      Wire.json(200, { runs: [] })
    ], (runs, server) =>
      Effect.gen(function*() {
        yield* runs.trace("a/b/c", "fr/1")
        yield* runs.stepTrace("a/b/c", "fr/1", "s/1", { attempt: 2 })
        yield* runs.summary("a/b/c", "fr/1")
        yield* Stream.runDrain(runs.list({ flowId: "fl_1" }))
        assert.deepStrictEqual(paths(server), [
          "GET /api/v1/flow-runs/fr%2F1/trace",
          "GET /api/v1/flow-runs/fr%2F1/steps/s%2F1/trace?attempt=2",
          "GET /api/v1/flow-runs/fr%2F1",
          "GET /api/v1/flow-runs?flow_id=fl_1"
        ])
      }), { runPaths: "flow-runs" }))

  it.scoped("leaves jobs where they are", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, { status: "running" }))
      const context = yield* servicesFor(server, { runPaths: "flow-runs" })
      const job = yield* Context.get(context, JobService).attach("a/b/c", "ex-1")
      yield* job.poll()
      assert.deepStrictEqual(paths(server), ["GET /api/v1/seq/a/b/c/jobs/ex-1"])
    }))
})

describe("ids", () => {
  for (const id of ["../../../keys?x=1#", "a/b", "a b", "é€😀", "%2e%2e", "x;y=z:@&"]) {
    it.scoped(`${JSON.stringify(id)} stays one segment, as execution and as step`, () =>
      withServer([Wire.json(200, step)], (runs, server) =>
        Effect.gen(function*() {
          yield* runs.stepTrace({ org: "a", project: "b", slug: "c" }, id, id)
          const segments = server.requests[0]!.path.split("/")
          assert.lengthOf(segments, 12)
          assert.strictEqual(decodeURIComponent(segments[8]!), id)
          assert.strictEqual(decodeURIComponent(segments[10]!), id)
        })))
  }

  const refused = <E, A>(
    call: (runs: RunService.Service) => Effect.Effect<A, E>
  ): Effect.Effect<E> =>
    Effect.gen(function*() {
      const runs = yield* RunService
      const script = yield* Scripted.ScriptedHttp
      const error = yield* Effect.flip(call(runs))
      assert.lengthOf(yield* script.calls, 0)
      return error
    }).pipe(
      Effect.orDieWith((a) => new Error(`should have failed: ${JSON.stringify(a)}`)),
      Effect.provide(Layer.provideMerge(Runs.layer, layerScripted()))
    )

  const bad: ReadonlyArray<readonly [string, (runs: RunService.Service) => Effect.Effect<unknown, CallError>]> = [
    ["executionId", (runs) => runs.trace("a/b/c", "..")],
    ["executionId", (runs) => runs.summary("a/b/c", "")],
    ["executionId", (runs) => runs.stepTrace("a/b/c", "a\u0000b", "s")],
    ["stepId", (runs) => runs.stepTrace("a/b/c", "ex", ".")],
    ["stepId", (runs) => runs.stepTrace("a/b/c", "ex", "\ud800")],
    ["attempt", (runs) => runs.stepTrace("a/b/c", "ex", "s", { attempt: 0 })],
    ["attempt", (runs) => runs.stepTrace("a/b/c", "ex", "s", { attempt: 1.5 })],
    ["attempt", (runs) => runs.stepTrace("a/b/c", "ex", "s", { attempt: "first" as never })],
    ["loopIndex", (runs) => runs.stepTrace("a/b/c", "ex", "s", { loopIndex: -1 })],
    ["flow", (runs) => runs.trace("c", "ex")],
    ["timeout", (runs) => runs.trace("a/b/c", "ex", { timeout: -1 })],
    ["flowId", (runs) => Stream.runDrain(runs.list({ flowId: "" }))],
    ["flowId", (runs) => Stream.runDrain(runs.list({ flowId: "\udc00" }))],
    ["limit", (runs) => Stream.runDrain(runs.list({ flowId: "f", limit: 0 }))],
    ["limit", (runs) => Stream.runDrain(runs.list({ flowId: "f", limit: 101 }))],
    ["limit", (runs) => Stream.runDrain(runs.list({ flowId: "f", limit: Number.NaN }))],
    ["status", (runs) => Stream.runDrain(runs.list({ flowId: "f", status: "paused&limit=9" as never }))]
  ]
  for (const [field, call] of bad) {
    it.effect(`a bad ${field} is refused before anything is sent: ${call.toString().slice(10)}`, () =>
      Effect.gen(function*() {
        const error = yield* refused(call)
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
      }))
  }
})

describe("NoukaiHttp", () => {
  it.effect("a scope that answers instead of Noukai answers jobs and runs too", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const note = <A>(endpoint: string, answer: A) => () =>
        Effect.sync(() => {
          asked.push(endpoint)
          return answer
        })
      const recording: NoukaiHttp.Service = httpOf({
        submitJob: note("submitJob", { executionId: "recorded" }),
        pollJob: note("pollJob", { status: "running" }),
        trace: note("trace", { flowRun, steps: [] }),
        stepTrace: note("stepTrace", decodedStep),
        runSummary: note("runSummary", flowRun),
        runList: note("runList", { runs: [flowRun] })
      })
      const runs = yield* RunService
      const jobs = yield* JobService
      const everything = Effect.gen(function*() {
        const job = yield* jobs.submit("a/b/c", {})
        assert.strictEqual((yield* job.poll()).status, "running")
        yield* runs.trace("a/b/c", job.executionId)
        yield* runs.stepTrace("a/b/c", job.executionId, "classify")
        yield* runs.summary("a/b/c", job.executionId)
        yield* Stream.runDrain(runs.list({ flowId: "fl_1" }))
      })
      yield* Effect.provideService(everything, TraceScope, { mode: "replay", sessionId: "s-1", http: recording })
      assert.deepStrictEqual(asked, ["submitJob", "pollJob", "trace", "stepTrace", "runSummary", "runList"])
      assert.lengthOf(yield* (yield* Scripted.ScriptedHttp).calls, 0)
    }).pipe(Effect.provide(Layer.provideMerge(Layer.merge(Runs.layer, Jobs.layer), layerScripted()))))
})
