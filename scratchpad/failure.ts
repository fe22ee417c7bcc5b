import { FlowService } from "@effect-noukai/sdk"
import { Effect } from "effect"

export const failure = Effect.gen(function*() {
  const flows = yield* FlowService
  return yield* flows.execute("acme/spelling/grade-99", { message: "The cat sat." })
}).pipe(
  Effect.as("it ran"),
  Effect.catchTags({
    FlowNotFoundError: (error) => Effect.succeed(`there is no such flow: ${error.flow}`),
    InsufficientCreditsError: () => Effect.succeed("the workspace has no credits left"),
    RateLimitError: (error) => Effect.succeed(`try again in ${error.retryAfter ?? 60} s`),
    APIConnectionError: (error) => Effect.succeed(`no answer; did the request arrive? ${error.sent}`)
  })
)
