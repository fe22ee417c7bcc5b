import { FlowService, Tools } from "@effect-noukai/sdk"
import { Effect, Schema } from "effect"

const weather = Tools.tool({
  name: "get_weather",
  description: "The weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.succeed(`18 °C and sunny in ${city}`)
})

export const withTools = Effect.gen(function*() {
  const flows = yield* FlowService
  const done = yield* flows.execute("noukai/samples/tools-enabled", {
    message: "What is the weather like?",
    tools: Tools.make(weather)
  })
  return done.result // no pause in the type: the handler answers
})
