/** The arguments of `noukai doctor`. */
import type * as Command from "@effect/cli/Command"
import { connection, json, optional, voice } from "../../arguments/flags.js"

export const config = {
  timeout: optional("timeout", "How long the server may take to answer: 10s unless given."),
  json,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
