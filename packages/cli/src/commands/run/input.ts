/** What `noukai run` takes. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flow, json, jsonl, voice } from "../../arguments/flags.js"

const optional = (name: string, does: string) => Options.optional(Options.withDescription(Options.text(name), does))

export const config = {
  flow,
  message: Args.text({ name: "message" }).pipe(
    Args.withDescription("The message; - reads it from stdin. What begins with - goes after --."),
    Args.optional
  ),
  messageFile: optional("message-file", "A file that holds the message; - is stdin."),
  parameter: Options.text("param").pipe(
    Options.withAlias("p"),
    Options.withDescription("key=text, or key:=JSON. May be given again."),
    Options.repeated
  ),
  parameters: optional("params", "A file that holds the parameters as a JSON object; - is stdin."),
  attach: Options.text("attach").pipe(
    Options.withDescription("The https URL of an image, or image/png=URL. May be given again."),
    Options.repeated
  ),
  tools: optional(
    "tools",
    "A file that declares tools as a JSON array: a run that calls one pauses, and ends the command."
  ),
  version: optional("flow-version", "production, draft or a number.").pipe(Options.withAlias("version")),
  session: optional("session", "The session id of the run. One is made up unless given."),
  once: optional("once", "Runs once for this key: a second call gives the result of the first."),
  rerunFailed: Options.boolean("rerun-failed").pipe(
    Options.withDescription("With --once: run again what failed before.")
  ),
  stream: Options.boolean("stream").pipe(
    Options.withDescription("Show steps as they come; with --jsonl, every event.")
  ),
  trace: Options.boolean("trace").pipe(Options.withDescription("Keep what steps were given and gave.")),
  timeout: optional("timeout", "The limit of the whole run: 90s, 500ms, 2m; seconds without a unit."),
  maxCost: optional("max-cost", "US dollars; the run stops before a step or tool round once it is known to cost more."),
  json,
  jsonl,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
