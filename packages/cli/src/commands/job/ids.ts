/** The jobs that a command is about. */
import * as Args from "@effect/cli/Args"

const does = "The id of the job, printed by noukai job submit."

export const id = Args.withDescription(Args.text({ name: "id" }), does)

export const ids = Args.text({ name: "id" }).pipe(
  Args.withDescription("The ids of the jobs, printed by noukai job submit."),
  Args.atLeast(1)
)
