/** The arguments of `noukai run`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flow, json, jsonl, noHistory, optional, runInput, voice } from "../../arguments/flags.js"

export const config = {
  flow,
  ...runInput,
  attach: Options.text("attach").pipe(
    Options.withDescription("Attach an https image URL or image/png=URL. Repeatable."),
    Options.repeated
  ),
  tools: optional("tools", "Declare tools from this JSON file; a tool call exits with 4."),
  session: optional("session", "Use this session id (a new one)."),
  once: optional("once", "Run once per key; calls at the same moment may both run."),
  rerunFailed: Options.boolean("rerun-failed").pipe(
    Options.withDescription("With --once: run a failed run again.")
  ),
  stream: Options.boolean("stream").pipe(
    Options.withDescription("Print steps as they happen; with --jsonl, every event.")
  ),
  noSteps: Options.boolean("no-steps").pipe(
    Options.withDescription("Run in one request and show no steps.")
  ),
  continued: optional("continue", "Continue this run: run only its remaining steps."),
  timeout: optional("timeout", "Wait at most this long for the run, such as 90s or 2m."),
  maxCost: optional("max-cost", "Stop between steps above this US dollar cost (no limit)."),
  json,
  jsonl,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
