/** The spans of a client in the program's own OpenTelemetry, as an exporter gets them. */
import { type RunningEmulator, samples, startEmulator } from "@effect-noukai/emulator"
import { InvalidRequestError, Noukai, type NoukaiOptions } from "@effect-noukai/promise"
import { record } from "@effect-noukai/promise/testing"
import { context, INVALID_SPAN_CONTEXT, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api"
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor
} from "@opentelemetry/sdk-trace-node"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { handle } from "./examples/otel.js"
import { collect, rejection, resultOf } from "./support/world.js"

const flow = "noukai/tests/echo"
const asking = "noukai/tests/asking"
const failing = "noukai/tests/failing"

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const app = provider.getTracer("my-app")

let emulator: RunningEmulator
const clients: Array<Noukai> = []

const open = (options: NoukaiOptions): Noukai => {
  const noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port, ...options } as NoukaiOptions)
  clients.push(noukai)
  return noukai
}

beforeAll(async () => {
  provider.register()
  emulator = await startEmulator({
    capture: "full",
    flows: [
      ...samples,
      { ref: flow, steps: [{ kind: "template", id: "a", output: { said: "{{message}}" } }] },
      { ref: failing, steps: [{ kind: "fail", id: "broken", code: "MODEL_DOWN", message: "no model" }] },
      {
        ref: asking,
        steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "weather", arguments: {} }]], output: "sunny" }]
      }
    ]
  })
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  exporter.reset()
  emulator.reset()
})

afterAll(async () => {
  trace.disable()
  context.disable()
  propagation.disable()
  await provider.shutdown()
  await emulator.close()
})

const kinds = Object.fromEntries(Object.entries(SpanKind).map(([name, kind]) => [kind, name.toLowerCase()]))
const statuses = ["unset", "ok", "error"]

/** A line per span, indented below its parent, in the order in which they began. */
const tree = (parent?: string, depth = 0): ReadonlyArray<string> =>
  [...exporter.getFinishedSpans()]
    .sort((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
    .filter((span) => span.parentSpanContext?.spanId === parent)
    .flatMap((span) => [
      `${"  ".repeat(depth)}${span.name} ${kinds[span.kind]} ${statuses[span.status.code]}`,
      ...tree(span.spanContext().spanId, depth + 1)
    ])

const named = (name: string): ReadonlyArray<ReadableSpan> =>
  exporter.getFinishedSpans().filter((span) => span.name === name)

/** A server that notes headers, and gives one answer. */
const answering = async (status: number, body: unknown) => {
  const headers: Array<unknown> = []
  const server = createServer((request, response) => {
    headers.push(request.headers["traceparent"])
    request.resume().on("end", () => response.writeHead(status).end(JSON.stringify(body)))
  }).listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  return { headers, port: (server.address() as AddressInfo).port, close: () => server.close() }
}

describe("otel", () => {
  it("opens a span for execute, with the facts of the run", async () => {
    const { executionId, flowId, sessionId } = await open({ otel: true }).flow(flow).execute({
      message: "hi",
      version: "draft"
    })
    assert.deepStrictEqual(tree(), ["noukai.flow.execute client unset"])
    const [span] = named("noukai.flow.execute")
    assert.deepStrictEqual(span!.attributes, {
      "noukai.org": "noukai",
      "noukai.project": "tests",
      "noukai.flow.slug": "echo",
      "noukai.flow.version": "draft",
      "noukai.execution_id": executionId,
      "noukai.flow.status": "completed",
      "noukai.flow.id": flowId,
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.provider.name": "noukai",
      "gen_ai.agent.name": flow,
      "gen_ai.agent.id": flowId,
      "gen_ai.agent.version": "draft",
      "server.address": "localhost",
      "server.port": emulator.port,
      ...(sessionId === undefined ? undefined : { "session.id": sessionId })
    })
    assert.strictEqual(span!.instrumentationScope.name, "@effect-noukai/promise")
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("without it there are no spans, and nothing is sent beside the run", async () => {
    await open({}).flow(flow).execute({ message: "hi" })
    await open({ otel: false, otelSteps: false, tracer: app }).flow(flow).execute({ message: "hi" })
    assert.deepStrictEqual(tree(), [])
  })

  it("is an option of the client that records, too, whose spans are below the active one", async () => {
    const folder = await mkdtemp(join(tmpdir(), "otel-"))
    const client = { apiKey: emulator.apiKey, env: "dev", port: emulator.port, otel: true, tracer: app } as const
    const asked = () =>
      record(join(folder, "c.json"), async (noukai) => {
        await Promise.resolve()
        return await noukai.flow(flow).execute({ message: "hi" })
      }, { client, mode: "once" })
    for (const name of ["recorded", "replayed"]) {
      await app.startActiveSpan(name, (span) => asked().finally(() => span.end()))
    }
    await rm(folder, { recursive: true })
    assert.deepStrictEqual(tree(), [
      "recorded internal unset",
      "  noukai.flow.execute client unset",
      "replayed internal unset",
      "  noukai.flow.execute client unset"
    ])
    assert.strictEqual(named("noukai.flow.execute")[0]!.instrumentationScope.name, "my-app")
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("spans are below the active span, those of tool handlers below their round", async () => {
    const noukai = open({ otel: true })
    const run = (name: string) =>
      app.startActiveSpan(name, async (span) => {
        await noukai.flow(asking).execute({
          message: "hi",
          tools: [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }],
          toolHandler: async (calls) => {
            await Promise.resolve()
            app.startSpan(`handler of ${name}`).end()
            return calls.map(({ id }) => ({ tool_call_id: id, content: "sunny" }))
          }
        })
        span.end()
      })
    // both wait for the client to open
    await Promise.all([run("a"), run("b")])
    const below = (name: string) => [
      `${name} internal unset`,
      "  noukai.flow.execute client unset",
      "    noukai.agent.round internal unset",
      "      execute_tool weather internal unset",
      `        handler of ${name} internal unset`
    ]
    const lines = tree()
    const second = lines.lastIndexOf(lines.filter((line) => !line.startsWith(" "))[1]!)
    assert.sameDeepMembers([lines.slice(0, second), lines.slice(second)], [below("a"), below("b")])
  })

  it("a tool handler that rejects ends the spans of its calls with the class of its error", async () => {
    const noukai = open({ otel: true })
    const run = noukai.flow(asking).execute({
      message: "hi",
      tools: [{ type: "function", function: { name: "weather", description: "The weather" } }],
      toolHandler: () => Promise.reject(new TypeError("no weather"))
    })
    assert.instanceOf(await rejection(run), TypeError)
    const [tool] = named("execute_tool weather")
    assert.deepInclude(tool!.attributes, {
      "error.type": "TypeError",
      "gen_ai.tool.type": "function",
      "gen_ai.tool.description": "The weather"
    })
    assert.strictEqual(named("noukai.flow.execute")[0]!.attributes["error.type"], "TypeError")
  })

  it("submissions, polls, streams and reads have spans too", async () => {
    const noukai = open({ otel: true })
    const job = await noukai.flow(flow).executeAsync({ message: "hi" })
    await job.poll()
    for await (const _ of noukai.flow(flow).events({ message: "hi" }));
    await noukai.flow(flow).run(job.executionId).trace()
    assert.deepStrictEqual(tree(), [
      "noukai.flow.execute_async client unset",
      "noukai.job.poll client unset",
      "noukai.flow.events client unset",
      "  noukai.flow.step internal unset",
      "noukai.run.trace client unset"
    ])
    const [submitted] = named("noukai.flow.execute_async")
    assert.strictEqual(submitted!.attributes["noukai.execution_id"], job.executionId)
    assert.notProperty(submitted!.attributes, "noukai.flow.status")
  })

  it("a failed run is a result, and no error of its span", async () => {
    const run = await open({ otel: true }).flow(failing).execute({ message: "hi" })
    assert.strictEqual(run.status, "failed")
    const [span] = named("noukai.flow.execute")
    assert.strictEqual(span!.attributes["noukai.flow.status"], "failed")
    assert.strictEqual(span!.attributes["error.type"], "MODEL_DOWN")
    assert.strictEqual(span!.status.code, SpanStatusCode.UNSET)
    assert.deepStrictEqual(span!.events, [])
  })

  it("a rejection is one exception and a status; the key is nowhere", async () => {
    const apiKey = "nk_planted_4711"
    const server = await answering(401, { detail: { code: "BAD_KEY", message: `no such key: ${apiKey}` } })
    const noukai = open({ otel: true, otelStepPayloads: true, apiKey, port: server.port })
    const error = await rejection(noukai.flow(flow).execute({ message: "hi" })) as Error
    assert.strictEqual(error.name, "AuthenticationError")
    const [span] = named("noukai.flow.execute")
    assert.strictEqual(span!.status.code, SpanStatusCode.ERROR)
    assert.deepStrictEqual(span!.events.map(({ attributes, name }) => [name, attributes!["exception.type"]]), [
      ["exception", "AuthenticationError"]
    ])
    assert.strictEqual(span!.status.message, error.message)
    const { traceId, spanId } = span!.spanContext()
    assert.deepStrictEqual(server.headers, [`00-${traceId}-${spanId}-01`])
    const { attributes, events, status } = span!
    assert.notInclude(JSON.stringify([attributes, events, status]), apiKey)
    server.close()
  })

  it("an aborted call ends its span with an error", async () => {
    const noukai = open({ otel: true })
    await noukai.flow(flow).execute({ message: "hi" })
    exporter.reset()
    const controller = new AbortController()
    const call = noukai.flow(flow).execute({ message: "hi", signal: controller.signal })
    controller.abort("enough")
    assert.strictEqual(await rejection(call), "enough")
    assert.deepStrictEqual(tree(), ["noukai.flow.execute client error"])
    assert.strictEqual(named("noukai.flow.execute")[0]!.status.message, "the call was aborted")
    assert.strictEqual(named("noukai.flow.execute")[0]!.attributes["error.type"], "AbortError")
  })

  const everyOperation = (noukai: Noukai): ReadonlyArray<readonly [span: string, call: () => Promise<unknown>]> => {
    const target = noukai.flow(flow)
    const job = target.job("ex-1")
    const run = target.run("ex-1")
    return [
      ["noukai.flow.execute", () => target.execute({ message: "hi" })],
      ["noukai.flow.execute", () => target.execute({ message: "hi", maxCostUsd: 1 })],
      ["noukai.flow.execute", () => target.executeOnce("key", { message: "hi" })],
      ["noukai.flow.events", () => collect(target.events({ message: "hi" }))],
      ["noukai.flow.steps", () => collect(target.steps({ message: "hi" }))],
      ["noukai.flow.execute_async", () => target.executeAsync({ message: "hi" })],
      ["noukai.flow.execute_async", () => target.submitOnce("key", { message: "hi" })],
      ["noukai.job.poll", () => job.poll()],
      ["noukai.job.wait", () => job.wait({ timeout: 0 })],
      ["noukai.run.trace", () => run.trace()],
      ["noukai.run.cost", () => run.cost()],
      ["noukai.run.step_trace", () => run.stepTrace("a")],
      ["noukai.run.live_trace", () => collect(run.liveTrace())]
    ]
  }

  for (const status of [400, 401, 403, 404, 422, 503]) {
    it(`each operation that rejects after a ${status} ends its span with one exception and an error`, async () => {
      const server = await answering(status, {})
      const noukai = open({ otel: true, port: server.port, maxRetries: 0 })
      for (const [name, call] of everyOperation(noukai)) {
        exporter.reset()
        const error = await rejection(call()) as Error
        const [span, ...others] = named(name)
        assert(span !== undefined && others.length === 0, name)
        assert.strictEqual(span.status.code, SpanStatusCode.ERROR, name)
        assert.match(String(span.attributes["error.type"]), /^\w+$/, name)
        assert.strictEqual(span.status.message, error.message)
        assert.deepStrictEqual(
          span.events.map(({ attributes }) => attributes!["exception.type"]),
          [error.name],
          name
        )
      }
      server.close()
    })
  }

  it("waitAll has no span of its own: each of its polls has one, with its error", async () => {
    const server = await answering(403, {})
    const noukai = open({ otel: true, port: server.port, maxRetries: 0 })
    const jobs = ["ex-1", "ex-2"].map((id) => noukai.flow(flow).job(id))
    const outcomes = await collect(noukai.waitAll(jobs))
    assert.isTrue(outcomes.every(({ error }) => error !== undefined))
    assert.deepStrictEqual(
      exporter.getFinishedSpans().filter(({ name }) => name.startsWith("noukai.")).map(({ name, status }) => [
        name,
        status.code
      ]),
      jobs.map(() => ["noukai.job.poll", SpanStatusCode.ERROR])
    )
    server.close()
  })

  it("a step that fails is an error of its span, and of the loop that rejects", async () => {
    const noukai = open({ otel: true })
    const events = await collect(noukai.flow(failing).events({ message: "hi" }))
    assert.strictEqual(events.at(-1)!.type, "step_error")
    assert.deepStrictEqual(tree(), ["noukai.flow.events client unset", "  noukai.flow.step internal error"])
    assert.strictEqual(named("noukai.flow.events")[0]!.attributes["noukai.flow.status"], "failed")
    exporter.reset()
    assert.strictEqual(
      (await rejection(collect(noukai.flow(failing).steps({ message: "hi" }))) as Error).name,
      "FlowExecutionError"
    )
    assert.deepStrictEqual(tree(), ["noukai.flow.steps client error", "  noukai.flow.step internal error"])
  })

  it("a loop that is left has no error, and one that is aborted has", async () => {
    const noukai = open({ otel: true })
    for await (const event of noukai.flow(flow).events({ message: "hi" })) if (event.type === "step_started") break
    assert.deepStrictEqual(tree(), ["noukai.flow.events client unset", "  noukai.flow.step internal unset"])
    const { executionId } = await noukai.flow(flow).executeAsync({ message: "hi" })
    exporter.reset()
    for await (const _ of noukai.flow(flow).run(executionId).liveTrace()) break
    assert.deepStrictEqual(tree(), ["noukai.run.live_trace client unset"])
    exporter.reset()
    const controller = new AbortController()
    const loop = noukai.flow(flow).events({ message: "hi", signal: controller.signal })[Symbol.asyncIterator]()
    await loop.next()
    controller.abort("enough")
    assert.strictEqual(await rejection(loop.next()), "enough")
    await noukai.close()
    assert.strictEqual(tree()[0], "noukai.flow.events client error")
    assert.strictEqual(named("noukai.flow.events")[0]!.status.message, "the call was aborted")
  })

  it("wrong options of a call open no span", async () => {
    await rejection(open({ otel: true }).flow(flow).execute({ message: 1 } as never))
    assert.deepStrictEqual(tree(), [])
  })

  it("otelSteps adds the steps of an execution, and otelStepPayloads what they carried", async () => {
    await open({ otelSteps: true }).flow(flow).execute({ message: "hi" })
    assert.deepStrictEqual(tree(), ["noukai.flow.execute client unset", "  noukai.flow.step internal unset"])
    const [plain] = named("noukai.flow.step")
    const { "noukai.step.duration_ms": duration, ...attributes } = plain!.attributes
    assert.deepInclude(attributes, {
      "noukai.step.id": "a",
      "noukai.step.attempt": 1,
      "noukai.step.status": "completed"
    })
    assert.isNumber(duration)
    assert.notProperty(attributes, "noukai.step.output")
    exporter.reset()
    await open({ otelStepPayloads: true }).flow(flow).execute({ message: "x".repeat(5_000) })
    const output = String(named("noukai.flow.step")[0]!.attributes["noukai.step.output"])
    assert.match(output, /^\{"said":"x{4,}…\[truncated\]"\}$/)
    assert.strictEqual(output.length, 4_096)
    exporter.reset()
    await open({ otelStepPayloads: true }).flow(failing).execute({ message: "hi" })
    assert.deepStrictEqual(tree(), ["noukai.flow.execute client unset", "  noukai.flow.step internal error"])
    assert.include(named("noukai.flow.step")[0]!.attributes["noukai.step.error"], "MODEL_DOWN")
  })

  it("without a provider nothing is recorded, and no traceparent is sent", async () => {
    const server = await answering(200, { status: "completed", result: 1, flowId: "f", blockCount: 1 })
    const tracer = { startSpan: () => trace.wrapSpanContext(INVALID_SPAN_CONTEXT) }
    const run = await open({ otel: true, tracer, port: server.port }).flow(flow).execute({ message: "hi" })
    assert.strictEqual(resultOf(run), 1)
    assert.deepStrictEqual(server.headers, [undefined])
    server.close()
  })

  it("a given tracer opens the spans", async () => {
    await open({ otel: true, tracer: app }).flow(flow).execute({ message: "hi" })
    assert.strictEqual(named("noukai.flow.execute")[0]!.instrumentationScope.name, "my-app")
  })
})

it("the example of the guide", async () => {
  const { fetch } = globalThis
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => fetch(url.replace(":8080", `:${emulator.port}`), init))
  vi.stubEnv("NOUKAI_API_KEY", emulator.apiKey)
  vi.stubEnv("NOUKAI_ENV", "dev")
  assert.deepStrictEqual(await handle("Where is A17?"), { text: "About your order: Where is A17?" })
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  assert.deepStrictEqual(tree(), [
    "GET /ask internal unset",
    "  noukai.flow.execute client unset",
    "    noukai.flow.step internal unset",
    "    noukai.flow.step internal unset"
  ])
})

describe("options", () => {
  const refusedBy = (options: object): string => {
    try {
      open(options)
      return "made"
    } catch (error) {
      assert.instanceOf(error, InvalidRequestError)
      return (error as Error).message
    }
  }

  it("a tracer alone is refused, and so is a value that is not one", () => {
    assert.strictEqual(
      refusedBy({ tracer: app }),
      "new Noukai: invalid tracer: has no effect alone: set otel: true too"
    )
    assert.match(refusedBy({ otel: true, tracer: {} }), /invalid tracer: must be a Tracer of @opentelemetry\/api/)
    assert.strictEqual(refusedBy({ otelSteps: 1 }), "new Noukai: invalid otelSteps: must be true or false")
    assert.strictEqual(refusedBy({ otel: undefined, otelSteps: null, tracer: null }), "made")
  })

  it("an unknown option is refused with a hint", () => {
    const hints = { apikey: "apiKey", api_key: "apiKey", timout: "timeout", timeuot: "timeout", otelStep: "otelSteps" }
    for (const [word, meant] of Object.entries(hints)) {
      assert.strictEqual(
        refusedBy({ [word]: 1 }),
        `new Noukai: invalid ${word}: is not an option: did you mean ${meant}?`
      )
    }
    const place = "the key is sent only to the hosted service, or to this machine with env: \"dev\" and port"
    for (const word of ["baseUrl", "baseURL", "base_url", "host"]) {
      assert.strictEqual(
        refusedBy({ [word]: "http://localhost:1" }),
        `new Noukai: invalid ${word}: is not an option: ${place}`
      )
    }
    assert.match(refusedBy({ attemptTimeout: 1 }), /is not an option: timeout limits each request$/)
    assert.match(refusedBy({ retries: 3 }), /did you mean maxRetries\?$/)
    assert.match(refusedBy({ verbose: true }), /is not an option: the options are apiKey, env, port, /)
    assert.strictEqual(refusedBy({ baseUrl: undefined, verbose: null }), "made")
  })
})

describe("without @opentelemetry/api", () => {
  it("calls reject before anything is sent", async () => {
    vi.resetModules()
    vi.doMock("@opentelemetry/api", () => {
      throw new Error("Cannot find package '@opentelemetry/api'")
    })
    const { Noukai } = await import("@effect-noukai/promise")
    const noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port, otel: true })
    const error = await rejection(noukai.flow(flow).execute({ message: "hi" })) as InvalidRequestError
    assert.strictEqual(error.name, "InvalidRequestError")
    assert.include(error.message, "npm install @opentelemetry/api")
    assert.strictEqual(emulator.ledger().runsStarted, 0)
    await noukai.close()
    vi.doUnmock("@opentelemetry/api")
    vi.resetModules()
  })
})
