/** `noukai job`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import * as Result from "./result/input.js"
import * as Status from "./status/input.js"
import * as Submit from "./submit/input.js"
import * as Wait from "./wait/input.js"

export const submit = Command.make("submit", Submit.config, loaded(() => import("./submit/handler.js"))).pipe(
  Command.withDescription("Puts a run into the queue, and prints its id.")
)

export const status = Command.make("status", Status.config, loaded(() => import("./status/handler.js"))).pipe(
  Command.withDescription("Prints how far jobs are.")
)

export const wait = Command.make("wait", Wait.config, loaded(() => import("./wait/handler.js"))).pipe(
  Command.withDescription("Waits for jobs, and prints each as it ends.")
)

export const result = Command.make("result", Result.config, loaded(() => import("./result/handler.js"))).pipe(
  Command.withDescription("Prints the result of a job, once it has ended.")
)

export const job = Command.make("job").pipe(
  Command.withDescription("Submits runs to the queue, and waits for them."),
  Command.withSubcommands([submit, status, wait, result])
)
