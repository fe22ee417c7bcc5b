import * as Platform from "@effect-noukai/adapters/platform"
import { FlowService } from "@effect-noukai/sdk"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"

const ask = Effect.gen(function*() {
  const { question } = yield* HttpServerRequest.schemaBodyJson(Schema.Struct({ question: Schema.String }))
  const flows = yield* FlowService
  const answer = yield* flows.execute("noukai/samples/two-step", { message: question })
  return yield* HttpServerResponse.json(answer.result)
})

const router = Effect.gen(function*() {
  const relay = yield* Platform.relay({
    flow: "noukai/samples/hello-world",
    authorize: (request) => Effect.succeed(request.headers.authorization === "Bearer my-login")
  })
  return HttpRouter.empty.pipe(
    HttpRouter.post("/ask", ask),
    HttpRouter.post("/agent/execute", relay),
    HttpRouter.use(Platform.errorHandler)
  )
})

/** Needs an `HttpServer`, and the services of `NoukaiLive`. */
export const Server = Layer.unwrapEffect(
  Effect.map(router, HttpServer.serve(Platform.sessions({ exclude: ["/health"] })))
)
