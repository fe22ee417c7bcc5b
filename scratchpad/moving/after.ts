import { FlowService, JobService } from "@effect-noukai/sdk"
import { Effect, Stream } from "effect"

export const answers = (message: string) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const jobs = yield* JobService
    // no tools, and so no pause in its type
    const greeting = yield* flows.execute("noukai/samples/hello-world", { message, timeout: "1 minute" })
    const steps = yield* Stream.runCollect(flows.steps("noukai/samples/two-step", { message }))
    const job = yield* jobs.submit("noukai/samples/two-step", { message })
    const result = yield* job.result({ timeout: "10 minutes" }) // a job that failed is a FlowExecutionError
    return { greeting: greeting.result, steps: Array.from(steps, ({ stepId }) => stepId), result }
  }).pipe(
    Effect.catchTag("RateLimitError", () => Effect.succeed("later"))
  )
