import * as Platform from "@effect-noukai/adapters/platform"
import { JobService, NoukaiLive } from "@effect-noukai/sdk"
import { nudges } from "@effect-noukai/sdk/Webhook"
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { createServer } from "node:http"

// what the handler receives wakes those who wait
const inbox = nudges()

const answer = Effect.gen(function*() {
  const jobs = yield* JobService
  const job = yield* jobs.submit("noukai/samples/two-step", {
    message: "The cat sat.",
    callback: { url: yield* Config.string("WEBHOOK_URL"), nudges: inbox }
  })
  // one poll, when the webhook has come
  return yield* HttpServerResponse.json(yield* job.result({ timeout: "1 hour" }))
})

const app = Effect.gen(function*() {
  const receive = yield* Platform.webhooks({
    secrets: yield* Config.redacted("NOUKAI_WEBHOOK_SECRET"),
    onEvent: (event) => Effect.zipRight(Effect.log(event.type, event.job), Effect.sync(() => inbox.onEvent(event)))
  })
  return HttpRouter.empty.pipe(
    HttpRouter.post("/hooks/noukai", receive),
    HttpRouter.get("/", answer),
    HttpServer.serve()
  )
})

Layer.unwrapEffect(app).pipe(
  HttpServer.withLogAddress,
  Layer.provide(NodeHttpServer.layer(createServer, { port: Number(process.env.PORT ?? 3000) })),
  Layer.provide(NoukaiLive),
  Layer.launch,
  NodeRuntime.runMain
)
