import { FlowService } from "@effect-noukai/sdk"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiSchema,
  HttpServerResponse
} from "@effect/platform"
import { Effect, Layer, Schedule, Schema, Stream } from "effect"
import { fromError, type RunEvent, RunEventLine } from "./runEvents.js"

const events = HttpApiEndpoint.post("events", "/runs/events")
  .setPayload(Schema.Struct({ message: Schema.NonEmptyString }))
  .addSuccess(HttpApiSchema.Text({ contentType: "text/event-stream" }))

export const RunsApi = HttpApi.make("runs-api").add(HttpApiGroup.make("runs").add(events))

const flow = "noukai/samples/two-step"
const heal = Schedule.intersect(Schedule.exponential("200 millis"), Schedule.recurs(5))

/** A comment, which readers ignore: proxies close what is silent for a minute. */
const heartbeat = Stream.as(Stream.fromSchedule(Schedule.spaced("15 seconds")), ":\n\n")

const Runs = HttpApiBuilder.group(
  RunsApi,
  "runs",
  (handlers) =>
    Effect.map(FlowService, (flows) =>
      handlers.handle("events", ({ payload }) => {
        const body = flows.events(flow, { message: payload.message, heal }).pipe(
          Stream.tapError(({ message }) => Effect.logError(message)),
          Stream.catchAll((error) => Stream.succeed<RunEvent>(fromError(error))),
          Stream.mapEffect(Schema.encode(RunEventLine)),
          Stream.map((json) => `data: ${json}\n\n`),
          Stream.merge(heartbeat, { haltStrategy: "left" }),
          Stream.encodeText
        )
        return Effect.succeed(HttpServerResponse.stream(body, {
          contentType: "text/event-stream",
          headers: { "cache-control": "no-cache" }
        }))
      }))
)

/** Needs an `HttpServer`, and the services of `NoukaiLive`. */
export const SseServer = HttpApiBuilder.serve().pipe(
  Layer.provide(HttpApiBuilder.api(RunsApi)),
  Layer.provide(Runs)
)
