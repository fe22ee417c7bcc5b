/** What `noukai watch` takes. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, json, jsonl, voice } from "../../arguments/flags.js"

export const config = {
  flow: Args.text({ name: "flow" }).pipe(Args.withDescription("The flow of the run.")),
  id: Args.text({ name: "id" }).pipe(Args.withDescription("The execution id of the run.")),
  timeout: Options.text("timeout").pipe(
    Options.withDescription("How long to watch at most: 90s, 10m; as long as it takes unless given."),
    Options.optional
  ),
  json,
  jsonl,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
