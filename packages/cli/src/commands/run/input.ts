/** The arguments of `noukai run`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flow, json, jsonl, noHistory, optional, runInput, voice } from "../../arguments/flags.js"

export const config = {
  flow,
  ...runInput,
  attach: Options.text("attach").pipe(
    Options.withDescription("The https URL of an image, or image/png=URL. May be given again."),
    Options.repeated
  ),
  tools: optional(
    "tools",
    "A file that declares tools as a JSON array: a run that calls one pauses, and ends the command."
  ),
  session: optional("session", "The session id of the run. One is made up unless given."),
  once: optional(
    "once",
    "Runs once for this key: a later call gives the result of the first. Calls at the same moment may both run."
  ),
  rerunFailed: Options.boolean("rerun-failed").pipe(
    Options.withDescription("With --once: run again what failed before.")
  ),
  stream: Options.boolean("stream").pipe(
    Options.withDescription("Show steps as they come; with --jsonl, every event.")
  ),
  noSteps: Options.boolean("no-steps").pipe(
    Options.withDescription("Run in one request in a terminal, too, which shows no steps.")
  ),
  continued: optional("continue", "The id of a run that stopped between steps: run the steps that are left."),
  timeout: optional("timeout", "The limit of the whole run: 90s, 500ms, 2m; seconds without a unit."),
  maxCost: optional(
    "max-cost",
    "Stop between steps above this cost, in US dollars (default: no limit)"
  ),
  json,
  jsonl,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
