import { Flow, FlowService, NoukaiLive, Tools, TraceScope } from "@effect-noukai/effect4"
import { Context, Effect, Schema, Stream } from "effect"

const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literals(["easy", "hard"]) }),
  result: Schema.Struct({ score: Schema.Number })
})

class Weather extends Context.Service<Weather, { readonly of: (city: string) => Effect.Effect<string> }>()("Weather") {}

const weather = Tools.tool({
  name: "get_weather",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.flatMap(Weather, ({ of }) => of(city)) // its errors and services are those of the call
})

export const grade = Effect.gen(function*() {
  const flows = yield* FlowService
  const { result } = yield* flows.execute(Grade, {
    message: "The cat sat on the mat.",
    parameters: { difficulty: "easy" },
    tools: [weather]
  })
  yield* flows.events("acme/spelling/grade-3", { message: "Again." }).pipe(
    Stream.take(3),
    Stream.runForEach(({ type }) => Effect.logDebug(type))
  )
  return result.score
}).pipe(
  TraceScope.capture, // one session id for its runs
  Effect.catchTag("RateLimitError", ({ retryAfter }) => Effect.succeed(retryAfter ?? 0))
)

export const live = Effect.provide(grade, NoukaiLive) // reads NOUKAI_API_KEY
