import { FlowService, PausedState } from "@effect-noukai/sdk"
import { Effect, Schema } from "effect"

const flow = "noukai/samples/tools-enabled"

const declarations = [{
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
  }
}] as const

// the run pauses and is stored: nothing waits, nothing is held open
export const ask = Effect.gen(function*() {
  const flows = yield* FlowService
  const outcome = yield* flows.execute(flow, { message: "What is the weather like?", tools: declarations })
  return outcome.status === "completed" ? outcome : Schema.encodeSync(Schema.parseJson(PausedState))(outcome.state)
})

// later, perhaps in another process: somebody has looked at `state.toolCalls` and answers
export const answer = (stored: string, content: string) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const state = yield* Schema.decode(Schema.parseJson(PausedState))(stored)
    return yield* flows.resume(flow, state, state.toolCalls.map((call) => ({ toolCallId: call.id, content })))
  })
