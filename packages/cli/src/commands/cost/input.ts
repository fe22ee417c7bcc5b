/** The arguments of `noukai cost`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { connection, flowOrRun, json, noHistory, since, voice } from "../../arguments/flags.js"

export const config = {
  flow: flowOrRun,
  runs: Args.text({ name: "id" }).pipe(
    Args.withDescription("The ids of runs (the newest 100 of the flow)."),
    Args.repeated
  ),
  since,
  json,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
