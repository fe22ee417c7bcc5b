import * as Platform from "@effect-noukai/adapters/platform"
import { FlowService } from "@effect-noukai/sdk"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"

const Ask = HttpApiEndpoint.post("ask", "/ask")
  .setPayload(Schema.Struct({ question: Schema.String }))
  .addSuccess(Schema.Unknown)
const Api = HttpApi.make("api").add(HttpApiGroup.make("support").add(Ask))

const Support = HttpApiBuilder.group(
  Api,
  "support",
  (handlers) =>
    Effect.map(FlowService, (flows) =>
      handlers.handle("ask", ({ payload }) =>
        Effect.orDie(
          Effect.map(flows.execute("noukai/samples/two-step", { message: payload.question }), (answer) => answer.result)
        )))
)

export const Server = HttpApiBuilder.serve(Platform.sessions()).pipe(
  // an error of the flow, of which the handler dies, becomes 502, 503 or 504
  Layer.provide(HttpApiBuilder.middleware(Platform.errorHandler)),
  Layer.provide(HttpApiBuilder.api(Api)),
  Layer.provide(Support)
)
