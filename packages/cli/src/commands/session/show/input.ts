/** The arguments of `noukai session show`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, sessionId, voice } from "../../../arguments/flags.js"

export const config = {
  sessionId,
  json: Options.boolean("json").pipe(Options.withDescription("Print the server's session as JSON.")),
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
