import { FlowService } from "@effect-noukai/sdk"
import { Effect, Schedule } from "effect"
import { Grade } from "./grade.js"

interface Essay {
  readonly id: string
  readonly text: string
}

// kill it, start it again: what has run is not run again, and each grade is paid once
export const gradeEach = (essays: ReadonlyArray<Essay>) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    return yield* Effect.forEach(essays, ({ id, text }) =>
      flows.executeOnce(`grades-2026/${id}`, Grade, { message: text, parameters: { difficulty: "hard" } }).pipe(
        // its process may have died a moment ago, and the run goes on
        Effect.retry({
          while: (error) =>
            error._tag === "RunInProgressError",
          schedule: Schedule.spaced("5 seconds")
        }),
        Effect.map(({ result }) => result.score)
      ), { concurrency: 16 })
  })
