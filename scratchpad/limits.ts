import { FlowService, Noukai } from "@effect-noukai/sdk"
import { Effect } from "effect"

/** A client whose callers together never have more than 50 runs under way, and send no more than 200 requests a second. */
export const NoukaiLimited = Noukai.layer({ maxConcurrency: 50, rate: 200 })

/** However many texts there are: what is over the limits waits here, instead of being refused there. */
export const gradeAll = (texts: ReadonlyArray<string>) =>
  Effect.flatMap(FlowService, (flows) =>
    Effect.forEach(
      texts,
      (message) => flows.execute("acme/spelling/grade-3", { message, parameters: { difficulty: "easy" } }),
      { concurrency: "unbounded" }
    ))
