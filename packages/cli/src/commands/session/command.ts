/** `noukai session`. */
import * as Command from "@effect/cli/Command"
import { save } from "./save/command.js"
import { show } from "./show/command.js"

export const session = Command.make("session").pipe(
  Command.withDescription("Show and save the runs of a session."),
  Command.withSubcommands([save, show])
)
