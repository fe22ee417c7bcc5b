/** Spans of event streams (docs/wire.md#spans): one for the stream, one per step, as events arrive. */
import { Tools } from "@effect-noukai/sdk"
import { assert, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Option, Schedule, Stream } from "effect"
import type { ServerResponse } from "node:http"
import { clientFor } from "./support/client.js"
import * as Frames from "./support/eventFrames.js"
import { collecting, type Opened } from "./support/tracer.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/support/greet"

const attributesOf = ({ attributes }: Opened) => Object.fromEntries(attributes)

const succeeded = ({ exit }: Opened) => exit !== undefined && Exit.isSuccess(exit)

const failedWith = ({ exit }: Opened): unknown =>
  exit !== undefined && Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

const parentOf = ({ span }: Opened) => Option.getOrUndefined(span.parent)?.spanId

it.scopedLive("one client span per stream, one span per step below it, and traceparent on every request", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const server = yield* Wire.serve(...Frames.twoSteps)
    const flows = yield* clientFor(server)
    yield* Stream.runDrain(flows.events(flow, { message: "hi", version: 3 })).pipe(Effect.withTracer(tracer))
    const [stream, classify, answer, ...others] = opened as [Opened, Opened, Opened]
    assert.deepStrictEqual(others, [])
    assert.strictEqual(stream.span.name, "noukai.flow.events")
    assert.strictEqual(stream.span.kind, "client")
    assert.deepStrictEqual(attributesOf(stream), {
      "noukai.org": "acme",
      "noukai.project": "support",
      "noukai.flow.slug": "greet",
      "noukai.flow.version": "3",
      "noukai.execution_id": "ex-1",
      "noukai.flow.status": "completed",
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.provider.name": "noukai",
      "gen_ai.agent.name": "acme/support/greet",
      "gen_ai.agent.version": "3",
      "gen_ai.usage.input_tokens": 4,
      "gen_ai.usage.output_tokens": 6,
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(server.baseUrl).port)
    })
    for (const [step, id] of [[classify, "classify"], [answer, "answer"]] as const) {
      assert.strictEqual(step.span.name, "noukai.flow.step")
      assert.strictEqual(step.span.kind, "internal")
      assert.strictEqual(parentOf(step), stream.span.spanId)
      assert.deepStrictEqual(attributesOf(step), {
        "noukai.step.id": id,
        "noukai.step.status": "completed",
        "noukai.step.duration_ms": 5,
        "noukai.step.cost_usd": "0.1",
        "gen_ai.usage.input_tokens": 2,
        "gen_ai.usage.output_tokens": 3
      })
    }
    assert.isTrue([stream, classify, answer].every(succeeded))
    assert.deepStrictEqual(
      server.requests.map(({ headers }) => headers.traceparent),
      Array.from({ length: 2 }, () => `00-0123456789abcdef0123456789abcdef-${stream.span.spanId}-01`)
    )
  }))

it.scopedLive("the stream's span is a child of the caller's", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const flows = yield* clientFor(yield* Wire.serve(...Frames.twoSteps))
    yield* Stream.runDrain(flows.steps(flow, { message: "hi" })).pipe(
      Effect.withSpan("caller"),
      Effect.withTracer(tracer)
    )
    const [caller, stream] = opened as [Opened, Opened]
    assert.strictEqual(stream.span.name, "noukai.flow.steps")
    assert.strictEqual(parentOf(stream), caller.span.spanId)
  }))

it.scopedLive("a step's span opens and closes as its events arrive", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    let response: ServerResponse | undefined
    const answer: Wire.Answer = (open, request) => {
      response = open
      Frames.open([Frames.runStarted, Frames.stepStarted("a")])(open, request)
    }
    const flows = yield* clientFor(yield* Wire.serve(answer))
    const open: Array<readonly [string, ReadonlyArray<string>]> = []
    yield* Stream.runForEach(flows.events(flow, { message: "hi" }), ({ type }) =>
      Effect.sync(() => {
        open.push([type, opened.filter(({ exit }) => exit === undefined).map(({ span }) => span.name)])
        if (type === "step_started") response!.write(Frames.stepCompleted("a"))
        if (type === "step_completed") response!.write(Frames.flowCompleted(1))
      })).pipe(Effect.withTracer(tracer))
    assert.deepStrictEqual(open.slice(1), [
      ["step_started", ["noukai.flow.events", "noukai.flow.step"]],
      ["step_completed", ["noukai.flow.events"]],
      ["flow_completed", ["noukai.flow.events"]]
    ])
    assert.isTrue(opened.every(succeeded))
  }))

it.scopedLive("a failed step's span ends with its failure; the stream that gave it as an event ends well", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const answers = [Frames.twoSteps[0], Frames.events(Frames.stepStarted("answer"), Frames.stepError("answer"))]
    const flows = yield* clientFor(yield* Wire.serve(...answers))
    yield* Stream.runDrain(flows.events(flow, { message: "hi" })).pipe(Effect.withTracer(tracer))
    const [stream, , answer] = opened as [Opened, Opened, Opened]
    assert.deepInclude(failedWith(answer), { _tag: "FlowExecutionError", stepId: "answer" })
    assert.strictEqual(attributesOf(answer)["noukai.step.status"], "failed")
    assert.isTrue(succeeded(stream))
    assert.strictEqual(attributesOf(stream)["noukai.flow.status"], "failed")
  }))

it.scopedLive("a stream that fails ends its spans with the failure", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const cut = Frames.open(
      [Frames.runStarted, Frames.stepStarted("a")],
      (response) => void response.socket!.resetAndDestroy()
    )
    const flows = yield* clientFor(yield* Wire.serve(cut))
    yield* Effect.either(Stream.runDrain(flows.events(flow, { message: "hi" }))).pipe(Effect.withTracer(tracer))
    assert.deepStrictEqual(opened.map(({ span }) => span.name), ["noukai.flow.events", "noukai.flow.step"])
    for (const span of opened) assert.deepInclude(failedWith(span), { _tag: "APIConnectionError" })
    assert.strictEqual(attributesOf(opened[0]!)["noukai.execution_id"], "ex-1")
    assert.notProperty(attributesOf(opened[0]!), "noukai.flow.status")
  }))

it.scopedLive("leaving early ends every span, and says nothing of a status", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const flows = yield* clientFor(yield* Wire.serve(Frames.open([Frames.runStarted, Frames.stepStarted("a")])))
    yield* Stream.runCollect(Stream.take(flows.events(flow, { message: "hi" }), 2)).pipe(Effect.withTracer(tracer))
    assert.strictEqual(opened.length, 2)
    assert.isTrue(opened.every(succeeded))
    assert.notProperty(attributesOf(opened[0]!), "noukai.flow.status")
    assert.notProperty(attributesOf(opened[1]!), "noukai.step.status")
  }))

it.scopedLive("a step that goes on after tools, or runs again after a cut, keeps its one span, parent of the rounds", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const call = { id: "tc_1", type: "function", function: { name: "now", arguments: "{}" } }
    const server = yield* Wire.serve(
      Frames.open(
        [Frames.runStarted, Frames.stepStarted("a")],
        (response) => void response.socket!.resetAndDestroy()
      ),
      Frames.events(
        Frames.stepStarted("a"),
        Frames.frame("step_paused_for_tool_calls", {
          executionId: "ex-1",
          stepId: "a",
          iterationsUsed: 1,
          toolCallMessages: [{ role: "assistant", content: null, tool_calls: [call] }],
          toolCalls: [call]
        })
      ),
      Frames.events(Frames.stepStarted("a"), Frames.stepCompleted("a"), Frames.flowCompleted(1))
    )
    const flows = yield* clientFor(server)
    const tools = Tools.handle(
      [{ type: "function", function: { name: "now" } }],
      (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "12:00" })))
    )
    const events = yield* Stream.runCollect(
      flows.events(flow, { message: "hi", tools, heal: Schedule.recurs(1) })
    ).pipe(Effect.withTracer(tracer))
    assert.strictEqual(Chunk.toReadonlyArray(events).at(-1)?.type, "flow_completed")
    assert.deepStrictEqual(opened.map(({ span }) => span.name), [
      "noukai.flow.events",
      "noukai.flow.step",
      "noukai.agent.round",
      "execute_tool now"
    ])
    assert.strictEqual(parentOf(opened[2]!), opened[1]!.span.spanId)
    assert.deepStrictEqual(attributesOf(opened[3]!), {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "now",
      "gen_ai.tool.type": "function",
      "gen_ai.tool.call.id": "tc_1"
    })
    assert.isTrue(opened.every(succeeded))
  }))

it.scopedLive("no span and no traceparent when nobody traces", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...Frames.twoSteps, ...Frames.twoSteps)
    const flows = yield* clientFor(server)
    yield* Stream.runDrain(flows.events(flow, { message: "hi" }))
    const { opened, tracer } = collecting()
    yield* Stream.runDrain(flows.events(flow, { message: "hi" })).pipe(
      Effect.withTracerEnabled(false),
      Effect.withTracer(tracer)
    )
    assert.lengthOf(opened, 0)
    assert.strictEqual(server.requests.length, 4)
    for (const request of server.requests) assert.notProperty(request.headers, "traceparent")
  }))
