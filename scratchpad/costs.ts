import type { CallError, CostLimitError } from "@effect-noukai/sdk"
import { FlowService, RunService } from "@effect-noukai/sdk"
import { Effect, Stream } from "effect"

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

// a run that stops before a step once it has cost more, and goes on from there if somebody says so
export const capped = (maxCostUsd: string, goOn: (spentUsd: string) => boolean) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    return flows.events(flow, { message, maxCostUsd }).pipe(
      Stream.catchTag("CostLimitError", (error) =>
        goOn(error.spentUsd ?? "unknown") && error.cursor !== undefined
          ? flows.events(flow, { from: error.cursor })
          : Stream.fail<CallError | CostLimitError>(error))
    )
  }).pipe(Stream.unwrap)
