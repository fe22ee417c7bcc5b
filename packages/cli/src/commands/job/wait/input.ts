/** The arguments of `noukai job wait`. */
import type * as Command from "@effect/cli/Command"
import { connection, flow, json, jsonl, noHistory, optional, voice } from "../../../arguments/flags.js"
import { ids } from "../ids.js"

export const config = {
  flow,
  ids,
  timeout: optional("timeout", "Wait at most this long, such as 90s or 2m (no limit)."),
  json,
  jsonl,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
