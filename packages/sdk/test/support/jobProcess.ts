/**
 * A program of its own: `submit <baseUrl>` prints the id of a job and ends, `attach <baseUrl> <id>` prints its result.
 * The key comes from the environment.
 */
import { Flow, JobService, Noukai } from "@effect-noukai/sdk"
import { Console, Effect, Schedule, Schema } from "effect"

const Slow = Flow.make("acme/test/slow", { result: Schema.Struct({ late: Schema.Boolean }) })

const [command, baseUrl, executionId] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const jobs = yield* JobService
  if (command === "submit") {
    const job = yield* jobs.submit(Slow, { message: "hi" })
    return yield* Console.log(job.executionId)
  }
  const job = yield* jobs.attach(Slow, executionId!)
  const { late } = yield* job.result({ schedule: Schedule.spaced("50 millis") })
  yield* Console.log(late ? "late" : "early")
})

await Effect.runPromise(Effect.provide(program, Noukai.layer({ baseUrl })))
