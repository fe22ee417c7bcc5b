/** The spans of whole calls as OpenTelemetry exports them: names, parents, kinds, statuses (docs/wire.md#spans). */
import { Tools } from "@effect-noukai/sdk"
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import * as Headers from "@effect/platform/Headers"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { assert, it } from "@effect/vitest"
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Deferred, Effect, Fiber, Option, Schedule, Stream } from "effect"
import { clientFor } from "./support/client.js"
import * as Frames from "./support/eventFrames.js"
import * as Wire from "./support/WireServer.js"

const statuses = ["unset", "ok", "error"]
/** Interruption is neither a success nor an error; OpenTelemetry has no status for it. */
const statusOf = ({ attributes, status }: ReadableSpan) =>
  attributes["status.interrupted"] === true ? "interrupted" : statuses[status.code]

const kinds = ["internal", "server", "client"]

/** One line per span, indented below its parent, in the order in which they began. */
const tree = (spans: ReadonlyArray<ReadableSpan>, parent?: string, depth = 0): ReadonlyArray<string> =>
  spans
    .filter((span) => span.parentSpanContext?.spanId === parent)
    .flatMap((span) => [
      `${"  ".repeat(depth)}${span.name} ${kinds[span.kind]} ${statusOf(span)}`,
      ...tree(spans, span.spanContext().spanId, depth + 1)
    ])

/** The tree of what `body` traced. */
const traced = <A, E>(body: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const exporter = new InMemorySpanExporter()
    const layer = NodeSdk.layer(() => ({
      resource: { serviceName: "test" },
      spanProcessor: new SimpleSpanProcessor(exporter)
    }))
    return yield* Effect.gen(function*() {
      yield* Effect.exit(body)
      const spans = [...exporter.getFinishedSpans()].sort((a, b) =>
        a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]
      )
      return { spans, lines: tree(spans) }
    }).pipe(Effect.provide(layer))
  })

const done = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })
const flow = "acme/support/greet"

it.scopedLive("an execution that is tried again is one span, and every attempt carries its traceparent", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(Wire.json(503, {}), done)
    const flows = yield* clientFor(server, { retry: Schedule.recurs(1), retryPost: true })
    const { lines, spans } = yield* traced(flows.execute(flow, { message: "hi" }))
    assert.deepStrictEqual(lines, ["noukai.flow.execute client ok"])
    const { spanId, traceId } = spans[0]!.spanContext()
    assert.deepStrictEqual(
      server.requests.map(({ headers }) => headers["traceparent"]),
      Array.from({ length: 2 }, () => `00-${traceId}-${spanId}-01`)
    )
  }))

it.scopedLive("an execution that is interrupted ends its span as interrupted", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(Wire.silence)
    const flows = yield* clientFor(server)
    const { lines } = yield* traced(
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(flows.execute(flow, { message: "hi" }))
        yield* server.arrived(1)
        yield* Fiber.interrupt(fiber)
      })
    )
    assert.deepStrictEqual(lines, ["noukai.flow.execute client interrupted"])
  }))

it.scopedLive("a stream that is interrupted ends its step and itself as interrupted", () =>
  Effect.gen(function*() {
    const flows = yield* clientFor(yield* Wire.serve(Frames.open([Frames.runStarted, Frames.stepStarted("a")])))
    const { lines } = yield* traced(
      Effect.gen(function*() {
        const started = yield* Deferred.make<void>()
        const reading = Stream.runForEach(flows.events(flow, { message: "hi" }), ({ type }) =>
          type === "step_started" ? Deferred.succeed(started, undefined) : Effect.void)
        const fiber = yield* Effect.fork(reading)
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
      })
    )
    assert.deepStrictEqual(lines, [
      "noukai.flow.events client interrupted",
      "  noukai.flow.step internal interrupted"
    ])
  }))

it.scopedLive("within a trace that came from elsewhere, spans and requests belong to it", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(done, ...Frames.twoSteps)
    const flows = yield* clientFor(server)
    const traceId = "0af7651916cd43dd8448eb211c80319c"
    const caller = HttpTraceContext.w3c(Headers.fromInput({ traceparent: `00-${traceId}-b7ad6b7169203331-01` }))
    const both = Effect.zipRight(
      flows.execute(flow, { message: "hi" }),
      Stream.runDrain(flows.events(flow, { message: "hi" }))
    )
    const { spans } = yield* traced(Effect.withParentSpan(both, Option.getOrThrow(caller)))
    assert.deepStrictEqual(tree(spans, "b7ad6b7169203331"), [
      "noukai.flow.execute client ok",
      "noukai.flow.events client ok",
      "  noukai.flow.step internal ok",
      "  noukai.flow.step internal ok"
    ])
    const [execute, events] = spans.map((span) => `00-${traceId}-${span.spanContext().spanId}-01`)
    assert.deepStrictEqual(server.requests.map(({ headers }) => headers["traceparent"]), [execute, events, events])
  }))

it.scopedLive("steps are children of their stream", () =>
  Effect.gen(function*() {
    const flows = yield* clientFor(yield* Wire.serve(...Frames.twoSteps))
    const { lines } = yield* traced(Stream.runDrain(flows.events(flow, { message: "hi" })))
    assert.deepStrictEqual(lines, [
      "noukai.flow.events client ok",
      "  noukai.flow.step internal ok",
      "  noukai.flow.step internal ok"
    ])
  }))

it.scopedLive("a stream that is cut ends its step and itself with an error", () =>
  Effect.gen(function*() {
    const cut = Frames.open(
      [Frames.runStarted, Frames.stepStarted("a")],
      (response) => void response.socket!.resetAndDestroy()
    )
    const flows = yield* clientFor(yield* Wire.serve(cut))
    const { lines } = yield* traced(Stream.runDrain(flows.events(flow, { message: "hi" })))
    assert.deepStrictEqual(lines, ["noukai.flow.events client error", "  noukai.flow.step internal error"])
  }))

it.scopedLive("a stream that is left early ends all of its spans", () =>
  Effect.gen(function*() {
    const flows = yield* clientFor(yield* Wire.serve(Frames.open([Frames.runStarted, Frames.stepStarted("a")])))
    const { lines } = yield* traced(Stream.runDrain(Stream.take(flows.events(flow, { message: "hi" }), 2)))
    assert.deepStrictEqual(lines, ["noukai.flow.events client ok", "  noukai.flow.step internal ok"])
  }))

it.scopedLive("tools are children of their round, and that of the execution", () =>
  Effect.gen(function*() {
    const call = { id: "tc_1", type: "function", function: { name: "now", arguments: "{}" } }
    const pause = Wire.json(200, {
      status: "tool_calls_required",
      executionId: "ex-1",
      pausedAtStep: "a",
      iterationsUsed: 1,
      toolCallMessages: [{ role: "assistant", content: null, tool_calls: [call] }],
      toolCalls: [call],
      accumulatedOutputs: {},
      flowId: "f",
      blockCount: 1
    })
    const flows = yield* clientFor(yield* Wire.serve(pause, done))
    const tools = Tools.handle(
      [{ type: "function", function: { name: "now" } }],
      (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "12:00" })))
    )
    const { lines } = yield* traced(flows.execute(flow, { message: "hi", tools }))
    assert.deepStrictEqual(lines, [
      "noukai.flow.execute client ok",
      "  noukai.agent.round internal ok",
      "    execute_tool now internal ok"
    ])
  }))
