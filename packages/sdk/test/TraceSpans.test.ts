/** Stored traces as spans: the JSON of OTLP by its official definitions, and the spans of an execution's steps. */
import { Emulator, type Flow } from "@effect-noukai/emulator"
import { layer as emulatorLayer, type Options } from "@effect-noukai/emulator/Emulator"
import * as TraceSpans from "@effect-noukai/report/TraceSpans"
import { FlowService, Noukai, NoukaiRecord, ReplayCassette, Tools, Trace } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import root from "@opentelemetry/otlp-transformer/build/src/generated/root.js"
import { Effect, Exit, FastCheck as fc, Layer, Metric, Option, Schema, TestClock } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { folder } from "./support/folder.js"
import { collecting } from "./support/tracer.js"
import { passTime, step } from "./support/traces.js"

interface Codec {
  readonly encode: (message: unknown) => { readonly finish: () => Uint8Array }
  readonly decode: (bytes: Uint8Array) => unknown
  readonly fromObject: (object: object) => unknown
  readonly toObject: (message: unknown, options: object) => unknown
}

/** The generated code is typed as the root of its library. */
const { ExportTraceServiceRequest } = (root as unknown as {
  readonly opentelemetry: {
    readonly proto: { readonly collector: { readonly trace: { readonly v1: { ExportTraceServiceRequest: Codec } } } }
  }
}).opentelemetry.proto.collector.trace.v1

const at = (ms: number) => new Date(Date.UTC(2026, 5, 7, 9) + ms).toISOString()

const nanos = (ms: number) => String(BigInt(Date.UTC(2026, 5, 7, 9) + ms) * 1_000_000n)

const executionId = "6f0d3c1e-1a2b-4c3d-8e4f-5a6b7c8d9e0f"

const trace: Trace.Trace = {
  flowRun: { id: executionId, flowId: "fl_1", status: "failed", startedAt: at(0), completedAt: at(900) },
  steps: [
    step({
      stepId: "classify",
      startedAt: at(10),
      completedAt: at(160),
      durationMs: 150,
      modelUsed: "small",
      tokens: { prompt: 12, completion: 3, total: 15 },
      costUsd: "0.00031",
      inputContext: { message: "x".repeat(5_000) }
    }),
    step({ stepId: "each", startedAt: at(160), completedAt: at(200), durationMs: 40 }),
    step({ stepId: "in", loopIndex: 0, startedAt: at(160), completedAt: at(180), durationMs: 20 }),
    step({ stepId: "in", loopIndex: 1, startedAt: at(180), completedAt: at(200), durationMs: 20 }),
    step({ stepId: "ask", startedAt: at(200), completedAt: at(800), durationMs: 200 }),
    step({
      stepId: "answer",
      status: "failed",
      startedAt: at(800),
      completedAt: at(900),
      durationMs: 100,
      errorContext: { code: "MODEL_OVERLOADED", message: "secret words" }
    })
  ]
}

const decodeTrace = Schema.decodeUnknownSync(Trace.Trace)

const spansOf = (traces: TraceSpans.OtlpTraces) =>
  traces.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))

const attributes = ({ attributes }: TraceSpans.OtlpSpan) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown]))

/** A collector on loopback, which gives the body of the first request. */
const collector = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly body: Promise<string>; readonly close: () => void }>((resume) => {
    let received: (body: string) => void = () => {}
    const body = new Promise<string>((resolve) => {
      received = resolve
    })
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        received(Buffer.concat(chunks).toString("utf8"))
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/v1/traces`, body, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** JSON of OTLP has ids in hexadecimal digits, where that of protocol buffers has bytes. */
const withBytes = (json: string): object =>
  JSON.parse(
    json,
    (key, value: unknown) => /^(trace|span|parentSpan)Id$/.test(key) ? Buffer.from(String(value), "hex") : value
  ) as object

describe("TraceSpans.toSpans", () => {
  it.scopedLive("is what a collector takes, by the official definitions", () =>
    Effect.gen(function*() {
      const { body, url } = yield* collector
      const sent = JSON.stringify(TraceSpans.toSpans(trace, { serviceName: "spelling", resource: { "host.id": 7 } }))
      yield* Effect.promise(() =>
        fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: sent })
      )
      const given = withBytes(yield* Effect.promise(() => body))
      const decoded = ExportTraceServiceRequest.decode(
        ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(given)).finish()
      )
      assert.deepEqual(
        JSON.parse(JSON.stringify(ExportTraceServiceRequest.toObject(decoded, { longs: String, bytes: String }))),
        JSON.parse(
          sent,
          (key, value: unknown) =>
            /^(trace|span|parentSpan)Id$/.test(key) ? Buffer.from(String(value), "hex").toString("base64") : value
        )
      )
    }))

  it("has a span for the run and for each attempt, when it was, below its loop", () => {
    const spans = spansOf(TraceSpans.toSpans(trace))
    const [run, classify, each, first, second, ask, answer] = spans
    for (const span of spans) {
      assert.strictEqual(span.traceId, executionId.replaceAll("-", ""))
      assert.match(span.spanId, /^[0-9a-f]{16}$/)
    }
    assert.strictEqual(new Set(spans.map(({ spanId }) => spanId)).size, 7)
    assert.notProperty(run, "parentSpanId")
    for (const child of [classify, each, ask, answer]) assert.strictEqual(child!.parentSpanId, run!.spanId)
    for (const child of [first, second]) assert.strictEqual(child!.parentSpanId, each!.spanId)
    assert.deepInclude(run, { startTimeUnixNano: nanos(0), endTimeUnixNano: nanos(900), status: { code: 2 } })
    assert.deepInclude(ask, { startTimeUnixNano: nanos(200), endTimeUnixNano: nanos(800), status: { code: 1 } })
    assert.deepInclude(attributes(run!), {
      "noukai.execution_id": executionId,
      "noukai.flow.status": "failed",
      "noukai.run.cost_usd": "0.00031",
      "noukai.run.waiting_ms": "400",
      "gen_ai.usage.input_tokens": "12"
    })
    assert.deepInclude(attributes(classify!), {
      "noukai.step.id": "classify",
      "noukai.step.cost_usd": "0.00031",
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": "small",
      "gen_ai.usage.output_tokens": "3"
    })
    assert.deepInclude(attributes(second!), { "noukai.step.loop_index": "1", "noukai.step.duration_ms": "20" })
    assert.deepInclude(attributes(ask!), { "noukai.step.duration_ms": "600", "noukai.step.waiting_ms": "400" })
    assert.deepInclude(attributes(answer!), { "noukai.step.status": "failed", "error.type": "MODEL_OVERLOADED" })
  })

  it("says the same at every export, and carries payloads only if asked to, cut", () => {
    assert.deepStrictEqual(TraceSpans.toSpans(trace), TraceSpans.toSpans(structuredClone(trace)))
    assert.notMatch(JSON.stringify(TraceSpans.toSpans(trace)), /xxx|secret/)
    const [, classify] = spansOf(TraceSpans.toSpans(trace, { payloads: true }))
    const input = String(attributes(classify!)["noukai.step.input"])
    assert.deepStrictEqual(Object.keys(JSON.parse(input)), ["message"])
    assert.match(input, /x…\[truncated\]"\}$/)
    assert.lengthOf(input, 4_096)
  })

  it("cuts no character of a payload in two", () => {
    const told = {
      flowRun: trace.flowRun,
      steps: [step({ startedAt: at(0), inputContext: `${"x".repeat(4_081)}${"🐕".repeat(20)}` })]
    }
    const [, only] = spansOf(TraceSpans.toSpans(told, { payloads: true }))
    assert.strictEqual(attributes(only!)["noukai.step.input"], `"${"x".repeat(4_081)}…[truncated]"`)
  })

  it("has instants of 64 bits and numbers of JSON, whatever the trace says", () => {
    const steps = [
      { startedAt: "0001-01-01T00:00:00Z", completedAt: at(5) },
      { startedAt: at(0), durationMs: Number.MAX_SAFE_INTEGER, tokens: { prompt: Infinity, completion: 1, total: 1 } },
      { startedAt: "9999-12-31T23:59:59Z", attempt: Infinity }
    ]
    const spans = spansOf(TraceSpans.toSpans({ flowRun: { id: "r", status: "running" }, steps: steps.map(step) }))
    assert.lengthOf(spans, 4)
    for (const { attributes, endTimeUnixNano, startTimeUnixNano } of spans) {
      for (const instant of [startTimeUnixNano, endTimeUnixNano]) {
        assert.strictEqual(instant, String(BigInt.asUintN(64, BigInt(instant))))
      }
      assert.notInclude(JSON.stringify(attributes), "null")
    }
  })

  it("belongs below a given span; the flow is told if it is given", () => {
    const parent = { traceId: "0123456789abcdef0123456789abcdef", spanId: "0123456789abcdef" }
    const [run, classify] = spansOf(TraceSpans.toSpans(trace, { parent, flow: { org: "a", project: "b", slug: "c" } }))
    assert.deepInclude(run, { traceId: parent.traceId, parentSpanId: parent.spanId })
    assert.strictEqual(classify!.traceId, parent.traceId)
    assert.strictEqual(attributes(run!)["noukai.flow.slug"], "c")
  })

  it("a parent whose ids are not 16 and 8 bytes of hexadecimal digits, or 0, is none", () => {
    const traceId = "0123456789abcdef0123456789abcdef"
    const own = spansOf(TraceSpans.toSpans(trace))
    for (
      const parent of [
        { traceId, spanId: "span-1" },
        { traceId, spanId: "0123456789abcde" },
        { traceId, spanId: "0".repeat(16) },
        { traceId, spanId: "0123456789abcdef00" },
        { traceId: "t", spanId: "0123456789abcdef" },
        { traceId: "0".repeat(32), spanId: "0123456789abcdef" },
        { traceId, spanId: "" }
      ]
    ) assert.deepStrictEqual(spansOf(TraceSpans.toSpans(trace, { parent })), own)
    const [run] = spansOf(TraceSpans.toSpans(trace, {
      parent: { traceId: traceId.toUpperCase(), spanId: "0123456789ABCDEF" }
    }))
    assert.deepInclude(run, { traceId, parentSpanId: "0123456789abcdef" })
  })

  it("has one attribute for each key of the resource", () => {
    const resourceOf = (options: TraceSpans.SpanOptions) =>
      TraceSpans.toSpans(trace, options).resourceSpans.flatMap(({ resource }) =>
        resource.attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown])
      )
    assert.deepStrictEqual(resourceOf({}), [["service.name", "noukai"]])
    const resource = { "service.name": "billing", "host.id": 7 }
    assert.deepStrictEqual(resourceOf({ resource }), [["service.name", "billing"], ["host.id", "7"]])
    assert.deepStrictEqual(resourceOf({ resource, serviceName: "orders" }), [["service.name", "orders"], [
      "host.id",
      "7"
    ]])
  })

  it("has no spans of a trace that says no instant", () => {
    const undated = { flowRun: { id: "r", status: "completed", durationMs: 5 }, steps: [step({ durationMs: 5 })] }
    assert.deepStrictEqual(TraceSpans.toSpans(undated).resourceSpans, [])
  })

  it("has ids of full length that differ, whatever the run is called; no span ends before it starts", () => {
    const moment = fc.option(fc.integer({ min: 0, max: 5000 }).map(at), { nil: undefined })
    const steps = fc.array(
      fc.record({
        stepId: fc.constantFrom("a", "b", "__proto__", ""),
        attempt: fc.integer({ min: 1, max: 2 }),
        loopIndex: fc.option(fc.nat(2), { nil: undefined }),
        status: fc.constantFrom("completed", "failed", "running"),
        startedAt: moment,
        completedAt: moment,
        durationMs: fc.option(fc.nat(5000), { nil: undefined }),
        truncated: fc.constant(false)
      }),
      { maxLength: 20 }
    )
    fc.assert(fc.property(fc.string(), steps, (id, steps) => {
      const spans = spansOf(
        TraceSpans.toSpans(decodeTrace({ flowRun: { id, status: "running", startedAt: at(0) }, steps }))
      )
      assert.lengthOf(spans, steps.length + 1)
      assert.strictEqual(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
      const ids = new Set(spans.map(({ spanId }) => spanId))
      for (const span of spans) {
        assert.match(span.traceId, /^[0-9a-f]{32}$/)
        assert.match(span.spanId, /^[0-9a-f]{16}$/)
        assert.isTrue(span.parentSpanId === undefined || ids.has(span.parentSpanId))
        assert.isTrue(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano))
      }
    }))
  })
})

/** A tracer, and what it was told of its spans: when they began and ended, and below which one. */
const telling = () => {
  const { opened, tracer } = collecting()
  const told = () =>
    opened.map(({ attributes, end, exit, span, start }) => ({
      name: span.name,
      parent: Option.getOrUndefined(
        Option.map(span.parent, ({ spanId }) => opened.find((one) => one.span.spanId === spanId)?.span.name ?? spanId)
      ),
      start,
      end,
      attributes,
      isFailed: exit === undefined ? undefined : Exit.isFailure(exit)
    }))
  return { told, tracer }
}

const flow: Flow = {
  ref: "acme/test/flow",
  steps: [
    {
      kind: "template",
      id: "a",
      output: 1,
      duration: 150,
      model: "small",
      tokens: { prompt: 1, completion: 2 },
      costUsd: "0"
    },
    { kind: "tool", id: "ask", rounds: [[{ name: "find" }]], output: "x", duration: 20, costUsd: "0.5" },
    { kind: "loop", id: "each", times: 2, steps: [{ kind: "template", id: "in", output: 1, duration: 5 }] }
  ]
}

const failing: Flow = {
  ref: "acme/test/failing",
  steps: [
    { kind: "template", id: "a", output: 1, duration: 150, costUsd: "0.25" },
    { kind: "fail", id: "b", code: "X" }
  ]
}

const durations: Readonly<Record<string, number>> = { a: 150, ask: 20, in: 5 }

const tools = Tools.handle(
  [{ type: "function", function: { name: "find" } }],
  (calls) => Effect.as(TestClock.adjust(400), calls.map(({ id }) => ({ toolCallId: id, content: "found" })))
)

const world = (config: Options["config"]) =>
  Layer.provideMerge(Noukai.layerServices, emulatorLayer({ flows: [flow, failing], config }))

const traced = Effect.map(
  Effect.flatMap(Emulator, (emulator) => emulator.ledger),
  ({ requests }) => requests.filter(({ endpoint }) => endpoint === "trace").length
)

/** The cost that was counted under the label of a test. */
const costOf = (own: string) =>
  Effect.map(
    Metric.snapshot,
    (pairs) =>
      pairs.flatMap(({ metricKey: { name, tags }, metricState }) =>
        name === "noukai_cost_usd" && tags.some(({ value }) => value === own) && "count" in metricState
          ? [metricState.count]
          : []
      )
  )

const steps = (told: ReturnType<typeof telling>["told"]) => told().filter(({ name }) => name === "noukai.flow.step")

describe("stepSpans", () => {
  it.scoped("gives an execution the spans of its steps, when they were", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const { told, tracer } = telling()
      const flows = yield* FlowService
      const done = yield* flows.execute("acme/test/flow", { message: "hi", tools }).pipe(
        Effect.withTracer(tracer),
        Effect.tagMetrics("test", "step-spans")
      )
      assert.strictEqual(done.status, "completed")
      const ms = (time: bigint | undefined) => Number(time) / 1e6
      assert.deepStrictEqual(
        steps(told).map(({ attributes, end, isFailed, parent, start }) => [
          attributes.get("noukai.step.id"),
          parent,
          ms(start),
          ms(end),
          isFailed
        ]),
        [
          ["a", "noukai.flow.execute", 0, 150, false],
          ["ask", "noukai.flow.execute", 150, 590, false],
          ["each", "noukai.flow.execute", 590, 600, false],
          ["in", "noukai.flow.step", 590, 595, false],
          ["in", "noukai.flow.step", 595, 600, false]
        ]
      )
      assert.strictEqual(steps(told)[0]!.attributes.get("gen_ai.request.model"), "small")
      assert.strictEqual(steps(told)[1]!.attributes.get("noukai.step.waiting_ms"), 400)
      assert.strictEqual(yield* traced, 1)
      const counted = (yield* Metric.snapshot).flatMap(({ metricKey: { name, tags }, metricState }) =>
        tags.some(({ value }) => value === "step-spans") && /^noukai_(tokens|cost_usd)$/.test(name)
          // a worker in which 100 flows were called has one name for all others
          ? [[
            name,
            ...tags.map(({ value }) => value === "other" ? "acme/test/flow" : value),
            (metricState as { readonly count?: unknown }).count
          ]]
          : []
      )
      assert.sameDeepMembers(counted, [
        ["noukai_tokens", "input", "step-spans", "acme/test/flow", 1],
        ["noukai_tokens", "output", "step-spans", "acme/test/flow", 2],
        ["noukai_cost_usd", "step-spans", "acme/test/flow", 0.5]
      ])
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scoped("a run that failed has them too", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const { told, tracer } = telling()
      const flows = yield* FlowService
      const error = yield* Effect.flip(Effect.withTracer(flows.execute("acme/test/failing", { message: "hi" }), tracer))
      assert.strictEqual(error._tag, "FlowExecutionError")
      assert.deepStrictEqual(steps(told).map(({ isFailed }) => isFailed), [false, true])
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scoped("the cost of a run that failed counts", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const flows = yield* FlowService
      yield* Effect.flip(flows.execute("acme/test/failing", { message: "hi" })).pipe(
        Effect.withTracer(telling().tracer),
        Effect.tagMetrics("test", "failed")
      )
      assert.deepStrictEqual(yield* costOf("failed"), [0.25])
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scoped("the cost of a run step by step counts once, whether it completes, fails or reaches its limit", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const flows = yield* FlowService
      const untraced = flows.execute("acme/test/flow", { message: "hi", tools, maxCostUsd: "9" })
      yield* Effect.tagMetrics(untraced, "test", "walked, untraced")
      assert.deepStrictEqual(yield* costOf("walked, untraced"), [0.5])
      yield* Effect.tagMetrics(Effect.withTracer(untraced, telling().tracer), "test", "walked")
      assert.deepStrictEqual(yield* costOf("walked"), [0.5])
      const failed = flows.execute("acme/test/failing", { message: "hi", maxCostUsd: "9" })
      yield* Effect.tagMetrics(Effect.withTracer(Effect.flip(failed), telling().tracer), "test", "walked, failed")
      assert.deepStrictEqual(yield* costOf("walked, failed"), [0.25])
      const limited = flows.execute("acme/test/failing", { message: "hi", maxCostUsd: "0.1" })
      yield* Effect.tagMetrics(Effect.withTracer(Effect.flip(limited), telling().tracer), "test", "walked, limited")
      assert.deepStrictEqual(yield* costOf("walked, limited"), [0.25])
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scoped("nothing is read without the option, or without a tracer", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const flows = yield* FlowService
      yield* flows.execute("acme/test/flow", { message: "hi", tools })
      assert.strictEqual(yield* traced, 0)
    }).pipe(Effect.provide(world({ stepSpans: true }))))

  it.scoped("a trace that cannot be read, or does not come, changes nothing", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const { addFaults, awaitEvent } = yield* Emulator
      const { told, tracer } = telling()
      const flows = yield* FlowService
      const run = Effect.withTracer(flows.execute("acme/test/flow", { message: "hi", tools }), tracer)
      yield* addFaults({ match: { endpoint: "trace" }, script: ["500", "stall:60000"] })
      assert.strictEqual((yield* run).status, "completed")
      assert.lengthOf(steps(told), 0)
      const fiber = yield* Effect.fork(run)
      yield* awaitEvent((event) => event.type === "Waiting" && event.ms === 60_000)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* fiber).status, "completed")
      assert.lengthOf(steps(told), 0)
    }).pipe(Effect.provide(world({ stepSpans: true, maxRetries: 0 }))))

  it.scoped("a trace that does not come keeps no call, in an uninterruptible region or when a sibling fails", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const { addFaults, awaitEvent } = yield* Emulator
      const flows = yield* FlowService
      const run = Effect.withTracer(flows.execute("acme/test/flow", { message: "hi", tools }), telling().tracer)
      yield* addFaults({ match: { endpoint: "trace" }, script: ["delay:60000", "delay:70000"] })
      const masked = yield* Effect.fork(Effect.uninterruptible(run))
      yield* awaitEvent((event) => event.type === "Waiting" && event.ms === 60_000)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* masked).status, "completed")
      const arrived = awaitEvent((event) => event.type === "Waiting" && event.ms === 70_000)
      const sibling = Effect.zipRight(arrived, Effect.fail("sibling"))
      const error = yield* Effect.flip(Effect.all([run, sibling], { concurrency: 2 }))
      assert.strictEqual(error, "sibling")
      yield* awaitEvent((event) => event.type === "RequestEnded" && event.outcome === "client")
    }).pipe(Effect.provide(world({ stepSpans: true, maxRetries: 0 }))))

  it.scoped("is no part of a recording, whose replay reads no trace and leaves nothing over", () =>
    Effect.gen(function*() {
      yield* passTime(durations)
      const path = join(yield* folder, "cassette.json")
      const recorded = (mode: "all" | "none") => NoukaiRecord.toFile(path, { mode, live: Noukai.layerServices })
      const run = Effect.flatMap(FlowService, (flows) => flows.execute("acme/test/flow", { message: "hi", tools }))
      const { told, tracer } = telling()
      const result = yield* run.pipe(Effect.withTracer(tracer), Effect.provide(recorded("all")))
      assert.lengthOf(steps(told), 5)
      const replayed = Effect.zipLeft(run, ReplayCassette.verify)
      assert.deepStrictEqual(yield* Effect.provide(replayed, recorded("none")), result)
      assert.deepStrictEqual(
        yield* replayed.pipe(Effect.withTracer(telling().tracer), Effect.provide(recorded("none"))),
        result
      )
    }).pipe(Effect.provide(world({ stepSpans: true }))))
})
