/** The metrics of `Telemetry.metricNames`, and what Effect's logger is told. */
import * as RelayServer from "@effect-noukai/adapters/Relay"
import { FlowService, JobService, NoukaiHttp, RunService, TraceScope } from "@effect-noukai/sdk"
import { type LogEvent, metricNames } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Logger, LogLevel, Metric, Schedule, Scope, Stream } from "effect"
import { clientFor, httpFor, servicesFor } from "./support/client.js"
import * as Frames from "./support/eventFrames.js"
import * as Wire from "./support/WireServer.js"

/** The state of a metric under the label of this test's own, so that other tests do not count. */
const valueOf = (name: string, own: string, labels: Readonly<Record<string, string>> = {}) =>
  Effect.map(Metric.snapshot, (pairs) => {
    const found = pairs.find(({ metricKey }) =>
      metricKey.name === name &&
      [...Object.entries(labels), ["test", own]].every(([key, value]) =>
        metricKey.tags.some((tag) => tag.key === key && tag.value === value)
      )
    )
    const state = found?.metricState
    return state === undefined ? undefined : "count" in state ? state.count : "value" in state ? state.value : undefined
  })

const done = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

it.scopedLive("executions by operation and outcome, their durations, and the usage of steps", () =>
  Effect.gen(function*() {
    const own = "executions"
    const server = yield* Wire.serve(done, done, Wire.json(402, {}), ...Frames.twoSteps)
    const flows = yield* clientFor(server)
    yield* Effect.gen(function*() {
      yield* flows.execute("a/b/c", {})
      yield* flows.execute("a/b/c", {})
      yield* Effect.either(flows.execute("a/b/c", {}))
      yield* Stream.runDrain(flows.events("a/b/c", { message: "hi" }))
    }).pipe(Effect.tagMetrics("test", own))
    const executions = (operation: string, outcome: string) =>
      valueOf(metricNames.executions, own, { operation, outcome })
    assert.strictEqual(yield* executions("execute", "completed"), 2)
    assert.strictEqual(yield* executions("execute", "InsufficientCreditsError"), 1)
    assert.strictEqual(yield* executions("events", "completed"), 1)
    assert.strictEqual(yield* valueOf(metricNames.executionDuration, own, { operation: "execute" }), 3)
    assert.strictEqual(yield* valueOf(metricNames.tokens, own, { type: "input" }), 4)
    assert.strictEqual(yield* valueOf(metricNames.tokens, own, { type: "output" }), 6)
    assert.strictEqual(yield* valueOf(metricNames.cost, own), 0.2)
  }))

it.scopedLive("a pause, and the call that goes on with it", () =>
  Effect.gen(function*() {
    const own = "pause"
    const toolCalls = [{ id: "tc_1", type: "function", function: { name: "find", arguments: "{}" } }]
    const pause = {
      status: "tool_calls_required",
      executionId: "ex-1",
      pausedAtStep: "a",
      iterationsUsed: 1,
      toolCallMessages: [{ role: "assistant", tool_calls: toolCalls }],
      toolCalls
    }
    const flows = yield* clientFor(yield* Wire.serve(Wire.json(200, pause), done))
    yield* Effect.gen(function*() {
      const paused = yield* flows.execute("a/b/c", { tools: [{ type: "function", function: { name: "find" } }] })
      assert(paused.status === "tool_calls_required")
      yield* paused.resume([{ toolCallId: "tc_1", content: "x" }])
    }).pipe(Effect.tagMetrics("test", own))
    const counts = yield* Effect.forEach(["paused", "completed"], (outcome) =>
      valueOf(metricNames.executions, own, { operation: "execute", outcome }))
    assert.deepStrictEqual(counts, [1, 1])
  }))

it.scopedLive("retries by reason", () =>
  Effect.gen(function*() {
    const own = "retries"
    const server = yield* Wire.serve(Wire.json(503, {}), Wire.json(429, {}), Wire.reset, done)
    const flows = yield* clientFor(server, { retry: Schedule.recurs(3), retryPost: true })
    yield* Effect.tagMetrics(flows.execute("a/b/c", {}), "test", own)
    assert.strictEqual(yield* valueOf(metricNames.retries, own, { reason: "transient" }), 2)
    assert.strictEqual(yield* valueOf(metricNames.retries, own, { reason: "throttled" }), 1)
  }))

it.scopedLive("open streams: one from its opening to its end, however it ends and whoever ends it", () =>
  Effect.gen(function*() {
    const own = "open"
    const level = valueOf(metricNames.openStreams, own)
    const open = Frames.open([Frames.runStarted, Frames.stepStarted("a")])
    const server = yield* Wire.serve(open, open, ...Frames.twoSteps)
    const flows = yield* clientFor(server)
    const events = flows.events("a/b/c", { message: "hi" })
    const scope = yield* Scope.make()
    const pull = yield* Scope.extend(Stream.toPull(events), scope)
    yield* Effect.tagMetrics(pull, "test", own)
    assert.strictEqual(yield* level, 1)
    const reading = yield* Effect.fork(Effect.tagMetrics(Stream.runDrain(events), "test", own))
    yield* server.arrived(2)
    assert.strictEqual(yield* level, 2)
    yield* Fiber.interrupt(reading)
    assert.strictEqual(yield* level, 1)
    yield* Scope.close(scope, Exit.void)
    assert.strictEqual(yield* level, 0)
    yield* Effect.tagMetrics(Stream.runDrain(events), "test", own)
    assert.strictEqual(yield* level, 0)
  }))

it.scopedLive("forwarded runs, by what their answers say", () =>
  Effect.gen(function*() {
    const own = "forward"
    const answers = [
      done,
      Wire.json(200, { status: "failed" }),
      Wire.json(200, { status: "tool_calls_required" }),
      Wire.json(402, {}),
      Wire.text(200, "<html>"),
      Wire.reset
    ]
    const http = yield* httpFor(yield* Wire.serve(...answers))
    const forward = yield* RelayServer.forward("a/b/c")
    yield* Effect.forEach(answers, () => Effect.either(forward({ body: {} }))).pipe(
      Effect.provideService(NoukaiHttp, http),
      Effect.tagMetrics("test", own)
    )
    const outcomes = [
      "completed",
      "failed",
      "paused",
      "InsufficientCreditsError",
      "UnexpectedResponseError",
      "APIConnectionError"
    ]
    const counts = yield* Effect.forEach(outcomes, (outcome) =>
      valueOf(metricNames.executions, own, { operation: "forward", outcome }))
    assert.deepStrictEqual(counts, [1, 1, 1, 1, 1, 1])
    assert.strictEqual(yield* valueOf(metricNames.executionDuration, own, { operation: "forward" }), 6)
  }))

/** A line of the logger's, put together again as the event that the hook gets. */
const eventOf = ({ annotations, message }: Logger.Logger.Options<unknown>) => ({
  phase: /^noukai (\w+): /.exec(String(message))?.[1],
  ...Object.fromEntries(annotations)
})

it.scopedLive("log-events: the hook and Effect's logger say the same of retries, errors, streams and scopes; bodies too", () =>
  Effect.gen(function*() {
    const hook: Array<LogEvent> = []
    const logger: Array<ReturnType<typeof eventOf>> = []
    const cut = Frames.open([Frames.runStarted], (response) => void response.socket!.resetAndDestroy())
    const server = yield* Wire.serve(Wire.json(503, {}), Wire.reset, cut)
    const services = yield* servicesFor(server, {
      logPayloads: true,
      retry: Schedule.recurs(1),
      log: (event) => hook.push(event)
    })
    const flows = Context.get(services, FlowService)
    yield* TraceScope.capture(Effect.zip(
      Effect.either(flows.execute("a/b/c", { message: "hi", retryPost: true })),
      Effect.either(Stream.runDrain(flows.events("a/b/c", { message: "hi" })))
    )).pipe(
      Effect.provide(services),
      Logger.withMinimumLogLevel(LogLevel.Debug),
      Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make((line) => void logger.push(eventOf(line)))))
    )
    assert.deepStrictEqual(logger.filter(({ phase }) => phase !== undefined), hook)
    const ofExecute = ["request", "response", "retry", "request", "error"]
    const ofStream = ["request", "response", "error"]
    assert.deepStrictEqual(
      hook.map(({ phase }) => phase),
      ["scope_open", ...ofExecute, ...ofStream, "scope_close"]
    )
  }))

it.scopedLive("a happy path logs nothing at info or above, whatever the operation", () =>
  Effect.gen(function*() {
    const lines: Array<unknown> = []
    const flowRun = { id: "ex-1", flowId: "fl", status: "completed" }
    const server = yield* Wire.serve(
      done,
      ...Frames.twoSteps,
      ...Frames.twoSteps,
      Wire.json(202, { executionId: "ex-1" }),
      Wire.json(200, { status: "completed", result: 1 }),
      Wire.json(200, { status: "completed", result: 1 }),
      Wire.json(200, { flowRun, steps: [] }),
      Wire.json(200, { stepId: "s", attempt: 1, status: "completed" }),
      Wire.json(200, flowRun),
      Wire.json(200, { runs: [flowRun] }),
      Frames.events(Frames.flowCompleted(1)),
      done
    )
    const services = yield* servicesFor(server)
    const forward = yield* RelayServer.forward("a/b/c")
    yield* Effect.gen(function*() {
      const flows = yield* FlowService
      const runs = yield* RunService
      yield* flows.execute("a/b/c", {})
      yield* Stream.runDrain(flows.events("a/b/c", {}))
      yield* Stream.runDrain(flows.steps("a/b/c", {}))
      const job = yield* Effect.flatMap(JobService, (jobs) => jobs.submit("a/b/c", {}))
      yield* job.poll()
      yield* job.wait()
      yield* runs.trace("a/b/c", "ex-1")
      yield* runs.stepTrace("a/b/c", "ex-1", "s")
      yield* runs.summary("a/b/c", "ex-1")
      yield* Stream.runDrain(runs.list({ flowId: "fl" }))
      yield* Stream.runDrain(runs.liveTrace("a/b/c", "ex-1"))
      yield* forward({ body: {} })
    }).pipe(
      Effect.provide(services),
      Logger.withMinimumLogLevel(LogLevel.Info),
      Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void lines.push(message))))
    )
    assert.lengthOf(server.requests, 14)
    assert.deepStrictEqual(lines, [])
  }))

const lines = (level: LogLevel.LogLevel) =>
  Effect.gen(function*() {
    const hook: Array<string> = []
    const logger: Array<string> = []
    const server = yield* Wire.serve(done)
    const flows = yield* clientFor(server, { log: (event) => hook.push(event.phase) })
    yield* flows.execute("a/b/c", {}).pipe(
      Logger.withMinimumLogLevel(level),
      Effect.provide(Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void logger.push(String(message)))
      ))
    )
    return { hook, logger }
  })

it.scopedLive("log-events: at level debug Effect's logger is told what the hook is told, above it nothing", () =>
  Effect.gen(function*() {
    const path = "POST /seq/a/b/c/execute"
    assert.deepStrictEqual(yield* lines(LogLevel.Debug), {
      hook: ["request", "response"],
      logger: [`noukai request: ${path}`, `noukai response: ${path}`]
    })
    assert.deepStrictEqual(yield* lines(LogLevel.Info), { hook: ["request", "response"], logger: [] })
  }))

describe("the flow label", () => {
  it.scopedLive("executions, durations and usage by flow", () =>
    Effect.gen(function*() {
      const own = "flows"
      const flows = yield* clientFor(yield* Wire.serve(done, done, ...Frames.twoSteps))
      yield* Effect.gen(function*() {
        yield* flows.execute("a/b/one", {})
        yield* flows.execute("a/b/two", {})
        yield* Stream.runDrain(flows.events("a/b/two", { message: "hi" }))
      }).pipe(Effect.tagMetrics("test", own))
      const values = (flow: string) =>
        Effect.all([
          valueOf(metricNames.executions, own, { flow, operation: "execute" }),
          valueOf(metricNames.executionDuration, own, { flow, operation: "events" }),
          valueOf(metricNames.tokens, own, { flow, type: "input" }),
          valueOf(metricNames.cost, own, { flow })
        ])
      assert.deepStrictEqual(yield* values("a/b/one"), [1, undefined, undefined, undefined])
      assert.deepStrictEqual(yield* values("a/b/two"), [1, 1, 4, 0.2])
    }))

  it.scopedLive("the cost of a stream that fails", () =>
    Effect.gen(function*() {
      const own = "failed stream"
      const failure = Frames.events(Frames.stepStarted("answer"), Frames.stepError("answer"))
      const cut = Frames.open(
        [Frames.runStarted, Frames.stepStarted("a"), Frames.stepCompleted("a")],
        (response) => void response.socket!.resetAndDestroy()
      )
      const server = yield* Wire.serve(Frames.twoSteps[0], failure, Frames.twoSteps[0], failure, cut)
      const flows = yield* clientFor(server, { maxRetries: 0 })
      yield* Effect.gen(function*() {
        yield* Stream.runDrain(flows.events("a/b/failed", { message: "hi" }))
        yield* Effect.flip(Stream.runDrain(flows.steps("a/b/failed", { message: "hi" })))
        yield* Effect.flip(Stream.runDrain(flows.events("a/b/cut", { message: "hi" })))
      }).pipe(Effect.tagMetrics("test", own))
      assert.strictEqual(yield* valueOf(metricNames.cost, own, { flow: "a/b/failed" }), 0.2)
      assert.strictEqual(yield* valueOf(metricNames.cost, own, { flow: "a/b/cut" }), 0.1)
    }))

  // the last test of this file: it uses up the labels
  it.scopedLive("all flows after the first 100 share one", () =>
    Effect.gen(function*() {
      const own = "many flows"
      const many = Array.from({ length: 105 }, (_, index) => `a/many/f${index}`)
      const flows = yield* clientFor(yield* Wire.serve(...many.map(() => done), done))
      yield* Effect.forEach([...many, "a/many/f0"], (flow) => flows.execute(flow, {})).pipe(
        Effect.tagMetrics("test", own)
      )
      const labels = (yield* Metric.snapshot).flatMap(({ metricKey: { name, tags } }) =>
        name === metricNames.executions && tags.some(({ key, value }) => key === "test" && value === own)
          ? tags.flatMap(({ key, value }) => key === "flow" ? [value] : [])
          : []
      )
      const named = new Set(labels.filter((label) => label !== "other")).size
      assert.isAbove(named, 0)
      // calls of other tests have labels, too
      assert.isAtMost(named, 100)
      assert.strictEqual(yield* valueOf(metricNames.executions, own, { flow: "a/many/f0" }), 2)
      assert.strictEqual(yield* valueOf(metricNames.executions, own, { flow: "other" }), many.length - named)
    }))
})
