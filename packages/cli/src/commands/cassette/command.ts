/** `noukai cassette`. */
import * as Command from "@effect/cli/Command"
import { check } from "./check/command.js"
import { diff } from "./diff/command.js"

export const cassette = Command.make("cassette").pipe(
  Command.withDescription("Check and compare recordings."),
  Command.withSubcommands([check, diff])
)
