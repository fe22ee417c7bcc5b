import { FlowService, Noukai } from "@effect-noukai/sdk"
import { Effect } from "effect"

const messages = ["The cat sat.", "The dog ran.", "The bird sang."]

/** Each waits for its turn as long as the server says, and none runs twice. */
export const patient = Effect.flatMap(
  FlowService,
  (flows) =>
    Effect.forEach(
      messages,
      (message) =>
        flows.execute("acme/spelling/grade-3", { message, parameters: { difficulty: "easy" } }).pipe(
          Effect.retry({ schedule: Noukai.retryable, times: 8 })
        ),
      { concurrency: "unbounded" }
    )
)
