/** The arguments of `noukai doctor`. */
import type * as Command from "@effect/cli/Command"
import { connection, json, optional, voice } from "../../arguments/flags.js"

export const config = {
  timeout: optional("timeout", "Wait at most this long for the server (10s)."),
  json,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
