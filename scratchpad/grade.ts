import { Flow, FlowService, NoukaiLive } from "@effect-noukai/sdk"
import { Effect, Schema } from "effect"

export const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
  result: Schema.Struct({ score: Schema.Number, feedback: Schema.String })
})

export const grade = Effect.gen(function*() {
  const flows = yield* FlowService
  const done = yield* flows.execute(Grade, { message: "The cat sat.", parameters: { difficulty: "hard" } })
  return done.result // { score: number, feedback: string }, checked at the boundary
})

export const live = Effect.provide(grade, NoukaiLive) // reads NOUKAI_API_KEY
