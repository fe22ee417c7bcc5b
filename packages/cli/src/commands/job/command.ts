/** `noukai job`. */
import * as Command from "@effect/cli/Command"
import { loaded } from "../leaf.js"
import * as Result from "./result/input.js"
import * as Status from "./status/input.js"
import * as Submit from "./submit/input.js"
import * as Wait from "./wait/input.js"

export const submit = Command.make("submit", Submit.config, loaded(() => import("./submit/handler.js"))).pipe(
  Command.withDescription("Submit a run to the queue and print its id.")
)

export const status = Command.make("status", Status.config, loaded(() => import("./status/handler.js"))).pipe(
  Command.withDescription("Print the status of jobs.")
)

export const wait = Command.make("wait", Wait.config, loaded(() => import("./wait/handler.js"))).pipe(
  Command.withDescription("Wait for jobs and print each when it ends.")
)

export const result = Command.make("result", Result.config, loaded(() => import("./result/handler.js"))).pipe(
  Command.withDescription("Wait for a job and print its result.")
)

export const job = Command.make("job").pipe(
  Command.withDescription("Submit runs to the queue and wait for them."),
  Command.withSubcommands([submit, status, wait, result])
)
