/** The arguments of `noukai dev`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { optional, voice } from "../../arguments/flags.js"

export const config = {
  flows: optional("flows", "A file of flows; some samples unless given."),
  port: Options.integer("port").pipe(
    Options.withDescription("Where to listen; 8080 unless given, 0 is any free port."),
    Options.optional
  ),
  capture: Options.choice("capture", ["full", "redacted", "metadata_only", "off"]).pipe(
    Options.withDescription("What is kept of payloads; full unless given."),
    Options.optional
  ),
  exec: optional("exec", "A command to run with its environment set; ends with it, and with its exit code."),
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
