import { Flow, FlowService, Noukai, NoukaiLive, Tools, TraceScope } from "@effect-noukai/effect4"
import { NoukaiReplay } from "@effect-noukai/effect4/testing"
import { Effect, Layer, Schema } from "effect"
import { strictEqual } from "node:assert/strict"

const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literals(["easy", "hard"]) }),
  result: Schema.Struct({ score: Schema.NumberFromString })
})

const weather = Tools.tool({
  name: "get_weather",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.succeed(`18 in ${city}`)
})

const graded = Effect.gen(function*() {
  const flows = yield* FlowService
  const { result } = yield* flows.execute(Grade, { parameters: { difficulty: "hard" }, tools: [weather] })
  const score: number = result.score
  return score
}).pipe(TraceScope.capture)

strictEqual(
  await Effect.runPromise(Effect.provide(graded, Noukai.layerTest(() => Effect.succeed({ score: "7" })))),
  7
)
const missing = Effect.provide(graded, NoukaiReplay.fromFile("no.json"))
strictEqual((await Effect.runPromise(Effect.flip(missing)))._tag, "CassetteError")
strictEqual(Layer.isLayer(NoukaiLive), true)
