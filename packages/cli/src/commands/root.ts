/** All commands. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import type { Grammar } from "../arguments/grammar.js"
import { dev } from "./dev/command.js"
import { run } from "./run/command.js"
import { watch } from "./watch/command.js"

export const root = Command.make("noukai").pipe(
  Command.withDescription("Runs Noukai flows, and shows what became of them."),
  Command.withSubcommands([dev, run, watch])
)

const of = <Name extends string, R, E, A>(command: Command.Command<Name, R, E, A>): Grammar => ({
  usage: Command.getUsage(command),
  help: Command.getHelp(command, { ...CliConfig.defaultConfig, showBuiltIns: false })
})

/** The flags and the help of every command, by its name. */
export const grammar = (): Grammar => ({
  ...of(root),
  commands: { dev: of(dev), run: of(run), watch: of(watch) }
})
