/** The arguments of `noukai job result`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flow, json, noHistory, optional, voice } from "../../../arguments/flags.js"
import { id } from "../ids.js"

export const config = {
  flow,
  id,
  noWait: Options.boolean("no-wait").pipe(
    Options.withDescription("Exit with 124 if the job has not ended.")
  ),
  timeout: optional("timeout", "Wait at most this long, such as 90s or 2m (no limit)."),
  json,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
