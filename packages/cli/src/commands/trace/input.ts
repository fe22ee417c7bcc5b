/** The arguments of `noukai trace`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flowOrRun, noHistory, voice } from "../../arguments/flags.js"

export const config = {
  flow: flowOrRun,
  run: Args.text({ name: "id" }).pipe(
    Args.withDescription("The id of the run (the last seen run of the flow)."),
    Args.optional
  ),
  svg: Options.boolean("svg").pipe(Options.withDescription("Print the trace as an SVG picture.")),
  otlp: Options.boolean("otlp").pipe(Options.withDescription("Print OpenTelemetry spans as OTLP/JSON.")),
  json: Options.boolean("json").pipe(Options.withDescription("Print the server's trace as JSON.")),
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
