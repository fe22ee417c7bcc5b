import { recording } from "@effect-noukai/report/testing"
import { NoukaiReplay, RateLimitError } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { grade } from "./grade.js"

const call = { flow: "acme/spelling/grade-3", message: "The cat sat.", parameters: { difficulty: "hard" } }

// a cassette by hand: what no recording happens to show
export const limited = grade.pipe(
  Effect.catchTag("RateLimitError", () => Effect.succeed("later")),
  Effect.provide(NoukaiReplay.fromCassette(recording({
    ...call,
    error: new RateLimitError({ method: "FlowService.execute", isRetryable: true, retryAfter: 30 })
  })))
)
