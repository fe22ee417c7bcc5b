/** The app on @effect/platform: with the middleware around the server, around the router, and around an HttpApi. */
import * as Platform from "@effect-noukai/adapters/platform"
import { FlowService, Noukai, type ReplayError, TraceScope } from "@effect-noukai/sdk"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Logger, LogLevel, ManagedRuntime, Redacted, Schema, Stream } from "effect"
import { createServer } from "node:http"
import { urlOf } from "../listen.js"
import { answer, type Framework, never, plantedKey, type RunningApp, type Setup, two } from "../world.js"

const message = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => request.text)

const run = Effect.gen(function*() {
  const flows = yield* FlowService
  const done = yield* flows.execute(answer, { message: yield* message })
  return done.result
})

const answered = Effect.gen(function*() {
  return { result: yield* run, session: yield* TraceScope.currentSessionId }
})

const streamed = Effect.gen(function*() {
  const flows = yield* FlowService
  const encoder = new TextEncoder()
  return HttpServerResponse.stream(
    Stream.map(
      flows.steps(two, { message: yield* message }),
      (step) => encoder.encode(`${step.stepId} ${String(step.output)}\n`)
    ),
    { contentType: "text/plain" }
  )
})

const late = Effect.map(FlowService, (flows) =>
  HttpServerResponse.stream(
    Stream.make("begun\n").pipe(
      Stream.concat(Stream.as(Stream.fromEffect(flows.execute(answer, { message: "late" })), "done\n")),
      Stream.encodeText
    ),
    { contentType: "text/plain" }
  ))

class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

const json = HttpServerResponse.json

const router = HttpRouter.empty.pipe(
  HttpRouter.post("/answer", Effect.flatMap(answered, json)),
  HttpRouter.post("/none", json({ ok: true })),
  HttpRouter.post(
    "/caught",
    Effect.flatMap(Effect.orElseSucceed(run, () => ({ fallback: true })), json)
  ),
  HttpRouter.post("/broken", Effect.zipRight(run, new Broken())),
  HttpRouter.post("/stream", streamed),
  HttpRouter.post("/late", late),
  HttpRouter.post("/never", Effect.flatMap(Effect.flatMap(FlowService, (flows) => flows.execute(never, {})), json)),
  HttpRouter.get("/health", json({ ok: true }))
)

const Ok = Schema.Struct({ ok: Schema.Boolean })
const Anything = Schema.Unknown

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("app")
    .add(HttpApiEndpoint.post("answer", "/answer").addSuccess(Anything))
    .add(HttpApiEndpoint.post("none", "/none").addSuccess(Ok))
    .add(HttpApiEndpoint.post("caught", "/caught").addSuccess(Anything))
    .add(HttpApiEndpoint.post("broken", "/broken").addError(Broken, { status: 500 }))
    .add(HttpApiEndpoint.post("stream", "/stream"))
    .add(HttpApiEndpoint.post("late", "/late"))
    .add(HttpApiEndpoint.post("never", "/never").addSuccess(Anything))
    .add(HttpApiEndpoint.get("health", "/health").addSuccess(Ok))
)

const AppLive = HttpApiBuilder.group(Api, "app", (handlers) =>
  Effect.gen(function*() {
    // built once, before any request: it follows the scope of whoever calls
    const flows = yield* FlowService
    const withFlows = Effect.provideService(FlowService, flows)
    return handlers
      .handle("answer", () => withFlows(Effect.orDie(answered)))
      .handle("none", () => Effect.succeed({ ok: true }))
      .handle("caught", () => withFlows(Effect.orElseSucceed(run, () => ({ fallback: true }))))
      .handle("broken", () => withFlows(Effect.zipRight(Effect.orDie(run), new Broken())))
      .handleRaw("stream", () => withFlows(Effect.orDie(streamed)))
      .handleRaw("late", () => withFlows(late))
      .handle("never", () => Effect.orDie(flows.execute(never, {})))
      .handle("health", () => Effect.succeed({ ok: true }))
  }))

const client = ({ emulator, onScope, replayEnabled }: Setup) =>
  Noukai.layer({
    apiKey: Redacted.make(plantedKey),
    baseUrl: emulator.baseUrl,
    maxRetries: 0,
    replayEnabled,
    log: (event) => "mode" in event ? onScope?.(event.phase, event.sessionId) : undefined
  })

const logger = ({ onWarning }: Setup) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) =>
      logLevel === LogLevel.Warning ? onWarning?.((message as ReadonlyArray<unknown>).map(String).join(" ")) : undefined
    )
  )

/** The hook in Effect's terms. */
const told = (hook: NonNullable<Setup["onReplayError"]>) => (error: ReplayError) => {
  const given = hook(error)
  return given instanceof Promise ? Effect.asVoid(Effect.promise(() => given)) : Effect.void
}

const middleware = ({ onReplayError, options }: Setup) =>
  Platform.sessions({
    ...options,
    ...(onReplayError === undefined ? {} : { onReplayError: told(onReplayError) })
  })

type App = Layer.Layer<
  never,
  never,
  HttpServer.HttpServer | HttpRouter.HttpRouter.DefaultServices | Noukai.Services
>

const start = (app: (setup: Setup) => App) => async (setup: Setup): Promise<RunningApp> => {
  const server = createServer()
  const http = NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })
  const runtime = ManagedRuntime.make(
    app(setup).pipe(Layer.provide(http), Layer.provide(client(setup)), Layer.provide(logger(setup)))
  )
  await runtime.runPromise(Effect.void)
  return {
    url: urlOf(server),
    close: async () => {
      const closed = runtime.dispose()
      server.closeAllConnections()
      await closed
    }
  }
}

export const platform: ReadonlyArray<Framework> = [
  { name: "HttpRouter, around the server", start: start((setup) => HttpServer.serve(router, middleware(setup))) },
  { name: "HttpRouter, around the app", start: start((setup) => HttpServer.serve(middleware(setup)(router))) },
  {
    name: "HttpApi",
    start: start((setup) =>
      HttpApiBuilder.serve(middleware(setup)).pipe(
        Layer.provide(HttpApiBuilder.api(Api)),
        Layer.provide(AppLive)
      )
    )
  }
]
