/** The metrics of `Telemetry.metricNames`, and what Effect's logger is told. */
import { metricNames } from "@effect-noukai/sdk/Telemetry"
import { assert, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, Metric, Stream } from "effect"
import { clientFor } from "./support/client.js"
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
    return state !== undefined && "count" in state ? state.count : undefined
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

it.scopedLive("12.3: at level debug Effect's logger is told what the hook is told, above it nothing", () =>
  Effect.gen(function*() {
    const path = "POST /seq/a/b/c/execute"
    assert.deepStrictEqual(yield* lines(LogLevel.Debug), {
      hook: ["request", "response"],
      logger: [`noukai request: ${path}`, `noukai response: ${path}`]
    })
    assert.deepStrictEqual(yield* lines(LogLevel.Info), { hook: ["request", "response"], logger: [] })
  }))
