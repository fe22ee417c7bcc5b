/** The arguments of `noukai cost`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { connection, flow, json, noHistory, voice } from "../../arguments/flags.js"

export const config = {
  flow,
  runs: Args.text({ name: "id" }).pipe(Args.withDescription("The ids of runs of the flow."), Args.atLeast(1)),
  json,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
