import * as Otlp from "@effect/opentelemetry/Otlp"
import { FetchHttpClient } from "@effect/platform"
import { Config, Effect, Layer } from "effect"

/** Spans, metrics and logs go to a collector, as JSON over HTTP; what is left is sent when the layer closes. */
export const Collected = Layer.unwrapEffect(
  Effect.map(
    Config.withDefault(Config.string("OTEL_EXPORTER_OTLP_ENDPOINT"), "http://localhost:4318"),
    (baseUrl) => Otlp.layerJson({ baseUrl, resource: { serviceName: "spelling" } })
  )
).pipe(Layer.provide(FetchHttpClient.layer))
