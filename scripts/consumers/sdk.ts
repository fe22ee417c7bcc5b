/** The first program of a user of Effect; it needs no server. */
import { APIConnectionError, Flow, FlowService, Noukai, NoukaiError } from "@effect-noukai/sdk"
import * as FlowServiceModule from "@effect-noukai/sdk/FlowService"
import { Effect, Redacted, Schema } from "effect"
import { strictEqual } from "node:assert/strict"

const Grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
  result: Schema.Struct({ score: Schema.Number, feedback: Schema.String })
})

const program = Effect.gen(function*() {
  const flows = yield* FlowService
  const done = yield* flows.execute(Grade, {
    message: "The cat sat on the mat.",
    parameters: { difficulty: "hard" }
  })
  const score: number = done.result.score
  return score
})

// port 9 of this machine: nobody listens
const nobody = Noukai.layer({
  apiKey: Redacted.make("nk_consumer"),
  baseUrl: "http://127.0.0.1:9",
  connectTimeout: "5 seconds"
})

const error = await Effect.runPromise(program.pipe(Effect.provide(nobody), Effect.flip))
strictEqual(error._tag, "APIConnectionError")
strictEqual(error instanceof APIConnectionError, true)
strictEqual(error instanceof NoukaiError, true)
strictEqual(FlowServiceModule.FlowService, FlowService)
