/** `noukai session`. */
import * as Command from "@effect/cli/Command"
import { save } from "./save/command.js"
import { show } from "./show/command.js"

export const session = Command.make("session").pipe(
  Command.withDescription("Shows and keeps what ran under a session id."),
  Command.withSubcommands([save, show])
)
