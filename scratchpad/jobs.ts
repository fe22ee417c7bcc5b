import { JobService } from "@effect-noukai/sdk"
import { Effect, Schedule, Stream } from "effect"
import { Grade } from "./grade.js"

// submits the run to the queue; this program may end: keep the id
export const submit = Effect.gen(function*() {
  const jobs = yield* JobService
  const job = yield* jobs.submit(Grade, { message: "The cat sat.", parameters: { difficulty: "easy" } })
  return job.executionId
})

// later, perhaps in another process: `{ score: number, feedback: string }`, or a typed error
export const collect = (executionId: string) =>
  Effect.gen(function*() {
    const jobs = yield* JobService
    const job = yield* jobs.attach(Grade, executionId, { grace: "5 seconds" })
    return yield* job.result({ timeout: "10 minutes", schedule: Schedule.spaced("1 second") })
  })

// each status once, up to the last one
export const follow = (executionId: string) =>
  Stream.unwrap(Effect.gen(function*() {
    const jobs = yield* JobService
    const job = yield* jobs.attach(Grade, executionId, { grace: "5 seconds" })
    return Stream.map(job.updates, ({ status }) => status)
  }))
