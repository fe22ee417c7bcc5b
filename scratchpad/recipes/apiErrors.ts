import { FlowService, type NoukaiError } from "@effect-noukai/sdk"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"

const run = { executionId: Schema.optional(Schema.String) }

export class Busy extends Schema.TaggedError<Busy>()(
  "Busy",
  { retryAfter: Schema.optional(Schema.Number) },
  HttpApiSchema.annotations({ status: 429 })
) {}

export class Broken extends Schema.TaggedError<Broken>()("Broken", run, HttpApiSchema.annotations({ status: 502 })) {}

export class TooSlow
  extends Schema.TaggedError<TooSlow>()("TooSlow", run, HttpApiSchema.annotations({ status: 504 }))
{}

export const fromError = (error: NoukaiError): Busy | Broken | TooSlow => {
  switch (error._tag) {
    case "RateLimitError":
      return new Busy({ retryAfter: error.retryAfter })
    case "APITimeoutError":
      return new TooSlow({ executionId: error.executionId })
    default:
      return new Broken({ executionId: error.executionId })
  }
}

const ask = HttpApiEndpoint.post("ask", "/ask")
  .setPayload(Schema.Struct({ message: Schema.NonEmptyString }))
  .addSuccess(Schema.Struct({ result: Schema.Unknown }))
  .addError(Busy).addError(Broken).addError(TooSlow)

export const AskApi = HttpApi.make("ask-api").add(HttpApiGroup.make("asking").add(ask))

const Asking = HttpApiBuilder.group(
  AskApi,
  "asking",
  (handlers) =>
    Effect.map(
      FlowService,
      (flows) =>
        handlers.handle("ask", ({ payload }) =>
          flows.execute("noukai/samples/hello-world", { message: payload.message }).pipe(
            Effect.tapError(({ message }) =>
              Effect.logError(message)
            ),
            Effect.mapBoth({ onSuccess: ({ result }) => ({ result }), onFailure: fromError })
          ))
    )
)

/** Needs an `HttpServer`, and the services of `NoukaiLive`. */
export const AskServer = HttpApiBuilder.serve().pipe(
  Layer.provide(HttpApiBuilder.api(AskApi)),
  Layer.provide(Asking)
)
