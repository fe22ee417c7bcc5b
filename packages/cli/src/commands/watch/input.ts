/** The arguments of `noukai watch`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { connection, flow, json, jsonl, noHistory, optional, voice } from "../../arguments/flags.js"

export const config = {
  flow,
  id: Args.text({ name: "id" }).pipe(Args.withDescription("The execution id of the run.")),
  timeout: optional("timeout", "How long to watch at most: 90s, 10m; as long as it takes unless given."),
  json,
  jsonl,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
