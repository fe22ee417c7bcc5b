/** The arguments of `noukai watch`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { connection, flow, json, jsonl, noHistory, optional, voice } from "../../arguments/flags.js"

export const config = {
  flow,
  id: Args.text({ name: "id" }).pipe(Args.withDescription("The execution id of the run.")),
  timeout: optional("timeout", "Watch at most this long, such as 90s or 10m (no limit)."),
  json,
  jsonl,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
