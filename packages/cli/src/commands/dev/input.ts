/** The arguments of `noukai dev`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { optional, voice } from "../../arguments/flags.js"

export const config = {
  flows: optional("flows", "Serve the flows of this file (samples)."),
  port: Options.integer("port").pipe(
    Options.withDescription("Listen on this port; 0 picks a free one (8080)."),
    Options.optional
  ),
  capture: Options.choice("capture", ["full", "redacted", "metadata_only", "off"]).pipe(
    Options.withDescription("Store payloads in this mode (full)."),
    Options.optional
  ),
  exec: optional("exec", "Run this command against the server; exit with its code."),
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
