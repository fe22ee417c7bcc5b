/** The recipes of the guides, each over real HTTP against an emulator. */
import { Emulator, type EmulatorLedger, samples } from "@effect-noukai/emulator"
import { FlowService, Noukai, type NoukaiError } from "@effect-noukai/sdk"
import { FetchHttpClient, FileSystem, HttpApiClient, HttpBody, HttpClient, HttpServer } from "@effect/platform"
import { NodeFileSystem, NodeHttpServer } from "@effect/platform-node"
import { assert, expectTypeOf, it } from "@effect/vitest"
import {
  Chunk,
  ConfigProvider,
  Deferred,
  Effect,
  Fiber,
  Layer,
  Logger,
  Option,
  Queue,
  Redacted,
  Schedule,
  Stream
} from "effect"
import { spawn } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { bundledProgram } from "../../packages/sdk/test/support/bundledProgram.js"
import { handler } from "../answering.js"
import { exportRun } from "../exporting.js"
import { gradeEach } from "../once.js"
import { draw } from "../picture.js"
import { AskApi, AskServer, Broken, Busy, fromError } from "../recipes/apiErrors.js"
import { collected } from "../recipes/collected.js"
import { replayed } from "../recipes/replayErrors.js"
import { fromError as eventOf } from "../recipes/runEvents.js"
import { SseServer } from "../recipes/sse.js"
import { watch } from "../recipes/sseClient.js"
import { router, toResponse } from "../recipes/statuses.js"
import { withTools } from "../tools.js"

const local = Layer.provideMerge(
  Noukai.layerServices,
  Emulator.layer({
    flows: samples,
    config: { replayEnabled: true, maxRetries: 0 }
  })
)

/** A server of an application on a free port, a client that knows where, and an emulator behind it; logs are of no interest. */
const world = Layer.mergeAll(NodeHttpServer.layerTest, local, Logger.remove(Logger.defaultLogger))

const withEnv = (entries: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries))))

it.scopedLive("run events, typed on both sides", () =>
  Effect.gen(function*() {
    yield* Layer.build(SseServer)
    const events = yield* Stream.runCollect(watch("/runs/events", "Where is A17?"))
    const [started] = events
    assert(started?.type === "run_started")
    assert.isNotEmpty(started.executionId)
    const outputs = Chunk.filterMap(events, (event) =>
      event.type === "step_completed"
        ? Option.some([event.stepIndex, event.name, event.output])
        : Option.none())
    assert.deepStrictEqual(Chunk.toReadonlyArray(outputs), [
      [0, "Classify", { label: "order", about: "Where is A17?" }],
      [1, "Answer", { text: "About your order: Where is A17?" }]
    ])
    const last = Chunk.unsafeLast(events)
    assert(last.type === "flow_completed")
    assert.deepStrictEqual(last.result, { text: "About your order: Where is A17?" })
  }).pipe(Effect.provide(world)))

it.scopedLive("run events: a refused payload is a status, a failure is the last event, a cut goes on", () =>
  Effect.gen(function*() {
    const { addFaults, ledger } = yield* Emulator
    yield* Layer.build(SseServer)
    const refused = yield* HttpClient.post("/runs/events", { body: HttpBody.unsafeJson({ message: "" }) })
    assert.strictEqual(refused.status, 400)

    yield* addFaults({ script: ["402"] })
    assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(watch("/runs/events", "hi"))), [
      { type: "failed", error: "InsufficientCreditsError" }
    ])

    yield* addFaults({ script: ["cut:e3"] })
    const events = yield* Stream.runCollect(watch("/runs/events", "hi"))
    assert.strictEqual(Chunk.unsafeLast(events).type, "flow_completed")
    assert.strictEqual((yield* ledger).runsStarted, 1)
  }).pipe(Effect.provide(world)))

/** Waits until the emulator has seen something. */
const until = (seen: (ledger: EmulatorLedger) => boolean) =>
  Effect.flatMap(
    Emulator,
    ({ ledger }) => Effect.repeat(ledger, { until: seen, schedule: Schedule.spaced("5 millis") })
  )

it.scopedLive("run events: who leaves ends the stream of the flow", () =>
  Effect.gen(function*() {
    const { addFaults } = yield* Emulator
    yield* Layer.build(SseServer)
    yield* addFaults({ script: ["stall:60000"] })
    const arrived = yield* Deferred.make<void>()
    const reading = watch("/runs/events", "hi").pipe(Stream.tap(() => Deferred.succeed(arrived, undefined)))
    const fiber = yield* Effect.fork(Stream.runDrain(reading))
    yield* until(({ requests }) => requests.length > 0)
    yield* Fiber.interrupt(fiber)
    yield* until(({ connections }) => connections.some(({ closedBy }) => closedBy === "client"))
  }).pipe(Effect.provide(world)))

it("statuses are known of every error of an operation", () => {
  expectTypeOf(toResponse).parameter(0).toEqualTypeOf<NoukaiError>()
  expectTypeOf(fromError).parameter(0).toEqualTypeOf<NoukaiError>()
  expectTypeOf(eventOf).parameter(0).toEqualTypeOf<NoukaiError>()
  // also where a toolkit is called, or the call runs once per key
  expectTypeOf(Effect.catchAll(withTools, toResponse)).not.toBeNever()
  expectTypeOf(Effect.catchAll(gradeEach([]), toResponse)).not.toBeNever()
})

it.scopedLive("statuses", () =>
  Effect.gen(function*() {
    const { addFaults } = yield* Emulator
    yield* HttpServer.serveEffect(router)
    const ask = (body: unknown) => HttpClient.post("/ask", { body: HttpBody.unsafeJson(body) })

    const answered = yield* ask({ message: "hi" })
    assert.deepStrictEqual([answered.status, yield* answered.json], [200, { result: { text: "Hello! You said: hi" } }])
    assert.strictEqual((yield* ask({})).status, 400)

    const table = [
      ["401", 500, "AuthenticationError"],
      ["402", 503, "InsufficientCreditsError"],
      ["403", 500, "PermissionDeniedError"],
      ["404", 404, "FlowNotFoundError"],
      ["429:retry=30", 429, "RateLimitError"],
      ["500", 502, "FlowExecutionError"],
      ["reset", 502, "APIConnectionError"]
    ] as const
    for (const [fault, status, error] of table) {
      yield* addFaults({ script: [fault] })
      const response = yield* ask({ message: "hi" })
      const body = yield* response.json
      assert.deepInclude([response.status, body], status)
      assert.propertyVal(body as object, "error", error)
      assert.strictEqual(response.headers["retry-after"], error === "RateLimitError" ? "30" : undefined)
    }
  }).pipe(Effect.provide(world)))

it.scopedLive("statuses of an HttpApi, and its client's errors", () =>
  Effect.gen(function*() {
    const { addFaults } = yield* Emulator
    yield* Layer.build(AskServer)
    const { asking } = yield* HttpApiClient.make(AskApi)
    assert.deepStrictEqual(yield* asking.ask({ payload: { message: "hi" } }), {
      result: { text: "Hello! You said: hi" }
    })
    yield* addFaults({ script: ["429:retry=30"] })
    assert.deepStrictEqual(yield* Effect.flip(asking.ask({ payload: { message: "hi" } })), new Busy({ retryAfter: 30 }))
    yield* addFaults({ script: ["402"] })
    assert.instanceOf(yield* Effect.flip(asking.ask({ payload: { message: "hi" } })), Broken)
  }).pipe(Effect.provide(world)))

/** A collector: what was posted to it, by path. */
const collector = Effect.gen(function*() {
  const posted = yield* Queue.unbounded<{ readonly path: string; readonly body: string }>()
  const server = yield* Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          posted.unsafeOffer({ path: request.url!, body: Buffer.concat(chunks).toString() })
          response.end("{}")
        })
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { posted, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

it.scopedLive("spans and metrics reach a collector, without what was sent", () =>
  Effect.gen(function*() {
    const { apiKey, port } = yield* Emulator
    const { posted, url } = yield* collector
    const result = yield* collected.pipe(withEnv({
      NOUKAI_API_KEY: Redacted.value(apiKey),
      NOUKAI_ENV: "dev",
      NOUKAI_PORT: String(port),
      OTEL_EXPORTER_OTLP_ENDPOINT: url
    }))
    assert.strictEqual(result.score, 8)
    const all = Chunk.toReadonlyArray(yield* Queue.takeAll(posted))
    const of = (path: string) => all.filter((post) => post.path === path).map(({ body }) => body).join("\n")
    assert.include(of("/v1/traces"), "\"noukai.flow.execute\"")
    assert.include(of("/v1/traces"), "\"grading\"")
    assert.include(of("/v1/metrics"), "noukai_executions")
    assert.notInclude(of("/v1/traces"), "The cat sat.")
  }).pipe(Effect.provide(local)))

it.scopedLive("a stored run reaches a collector", () =>
  Effect.gen(function*() {
    const { posted, url } = yield* collector
    const flows = yield* FlowService
    const { executionId = "" } = yield* flows.execute("noukai/samples/two-step", { message: "Where is A17?" })
    assert.strictEqual(yield* exportRun(executionId, url), 200)
    const { body, path } = yield* Queue.take(posted)
    assert.strictEqual(path, "/v1/traces")
    assert.include(body, "\"noukai.run\"")
    assert.include(body, executionId)
    assert.notInclude(body, "Where is A17?")
  }).pipe(Effect.provide(Layer.merge(FetchHttpClient.layer, local))))

it.scopedLive("a stored run as a picture", () =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = `${yield* files.makeTempDirectoryScoped()}/run.svg`
    const flows = yield* FlowService
    const { executionId = "" } = yield* flows.execute("noukai/samples/two-step", { message: "Where is A17?" })
    yield* draw(executionId, path)
    const picture = yield* files.readFileString(path)
    assert.match(picture, /^<svg [^]*>Where is order A17\?<[^]*data-step="answer"[^]*<\/svg>\n$/)
    assert.notInclude(picture, "Where is A17?")
  }).pipe(Effect.provide(Layer.merge(NodeFileSystem.layer, local))))

it.scopedLive("the errors of a replay", () =>
  Effect.gen(function*() {
    const { sessionId } = yield* handler("Where is A17?")
    assert.strictEqual(yield* replayed("Where is A17?", sessionId!), `{"text":"About your order: Where is A17?"}`)
    assert.strictEqual(
      yield* replayed("Where is A17?", "3f0d6c1e-5b0a-4d7e-9a55-0d2c6a1f7b44"),
      "there is nothing to replay: ReplaySessionNotFoundError"
    )
  }).pipe(Effect.provide(local)))

const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** The program in a process of its own, with this environment; killed when the scope closes. */
const started = (path: string, env: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.map(Effect.promise(() => bundledProgram(new URL(`../${path}`, import.meta.url))), (program) =>
      spawn(process.execPath, [program], { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit"] })),
    (child) =>
      Effect.async<void>((resume) => {
        child.on("close", () =>
          resume(Effect.void))
        child.kill("SIGKILL")
      })
  )

it.scopedLive("ports from the environment", () =>
  Effect.gen(function*() {
    const { apiKey, ledger, port } = yield* Emulator
    const own = yield* freePort
    yield* started("recipes/main.ts", {
      NOUKAI_API_KEY: Redacted.value(apiKey),
      NOUKAI_ENV: "dev",
      NOUKAI_PORT: String(port),
      PORT: String(own)
    })
    const response = yield* Effect.tryPromise(() =>
      fetch(`http://127.0.0.1:${own}/runs/events`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ message: "hi" })
      })
    ).pipe(Effect.retry(Schedule.spaced("50 millis")), Effect.timeout("20 seconds"))
    assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
    assert.include(yield* Effect.promise(() => response.text()), `data: {"type":"flow_completed"`)
    assert.strictEqual((yield* ledger).runsStarted, 1)
  }).pipe(Effect.provide(local)))
