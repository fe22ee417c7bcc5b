/** The arguments of `noukai job result`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flow, json, noHistory, optional, voice } from "../../../arguments/flags.js"
import { id } from "../ids.js"

export const config = {
  flow,
  id,
  noWait: Options.boolean("no-wait").pipe(
    Options.withDescription("Do not wait for a job that has not ended: it ends the command with 124.")
  ),
  timeout: optional("timeout", "The limit of the wait: 90s, 500ms, 2m; seconds without a unit. None unless given."),
  json,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
