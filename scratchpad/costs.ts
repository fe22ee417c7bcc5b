import { FlowService, RunService } from "@effect-noukai/sdk"
import { Effect, Either, Option, Stream } from "effect"

const flow = "noukai/samples/two-step"
const message = "Where is my order?"

// a result, and what it cost: one more read
export const withCost = Effect.gen(function*() {
  const flows = yield* FlowService
  const runs = yield* RunService
  const { executionId = "", result } = yield* flows.execute(flow, { message })
  const { costUsd, isKnown } = yield* runs.cost(flow, executionId)
  return { result, cost: isKnown ? `$${costUsd}` : "unknown" }
})

// a run that stops between steps once it has cost more, and continues if somebody approves
export const capped = (maxCostUsd: string, approve: (spentUsd: string) => boolean) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const outcome = yield* Effect.either(flows.execute(flow, { message, maxCostUsd }))
    if (Either.isRight(outcome)) return outcome.right.result
    const error = outcome.left
    if (error._tag !== "CostLimitError" || error.cursor === undefined || !approve(error.spentUsd ?? "unknown")) {
      return yield* error
    }
    const last = yield* Stream.runLast(flows.events(flow, { from: error.cursor }))
    return Option.isSome(last) && last.value.type === "flow_completed" ? last.value.result : undefined
  })
