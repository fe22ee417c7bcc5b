import { FlowService } from "@effect-noukai/sdk"
import { Effect, Stream } from "effect"
import { Grade } from "./grade.js"

// the first call pays for the run; each call sees all of it
export const watchGrade = (id: string, text: string) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const events = flows.eventsOnce(`grades-2026/${id}`, Grade, {
      message: text,
      parameters: { difficulty: "hard" },
      maxCostUsd: "0.05",
      silence: "1 minute"
    })
    yield* Stream.runForEach(events, (event) =>
      event.type === "flow_completed" ? Effect.log(`score ${event.result?.score}`) : Effect.log(event.type))
  })
