/** The arguments of `noukai trace`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, noHistory, voice } from "../../arguments/flags.js"

export const config = {
  flow: Args.text({ name: "flow" }).pipe(
    Args.withDescription("org/project/slug, or the id of a run that was seen; the last run seen unless given."),
    Args.optional
  ),
  run: Args.text({ name: "id" }).pipe(
    Args.withDescription("The id of the run (the last one seen of the flow)."),
    Args.optional
  ),
  svg: Options.boolean("svg").pipe(Options.withDescription("A picture of it, as SVG.")),
  otlp: Options.boolean("otlp").pipe(Options.withDescription("Its OpenTelemetry spans, as OTLP/JSON for a collector.")),
  json: Options.boolean("json").pipe(Options.withDescription("The trace as the server gives it.")),
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
