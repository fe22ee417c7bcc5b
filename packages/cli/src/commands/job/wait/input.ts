/** The arguments of `noukai job wait`. */
import type * as Command from "@effect/cli/Command"
import { connection, flow, json, jsonl, noHistory, optional, voice } from "../../../arguments/flags.js"
import { ids } from "../ids.js"

export const config = {
  flow,
  ids,
  timeout: optional(
    "timeout",
    "The limit of the whole wait: 90s, 500ms, 2m; seconds without a unit. None unless given."
  ),
  json,
  jsonl,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
