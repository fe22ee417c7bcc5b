/** The jobs that a command is about. */
import * as Args from "@effect/cli/Args"

const does = "The id of the run, as noukai job submit prints it."

export const id = Args.withDescription(Args.text({ name: "id" }), does)

export const ids = Args.text({ name: "id" }).pipe(
  Args.withDescription("The ids of the runs, as noukai job submit prints them."),
  Args.atLeast(1)
)
