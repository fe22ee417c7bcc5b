/** The arguments of `noukai runs`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, json, jsonl, noHistory, since, voice } from "../../arguments/flags.js"

export const config = {
  flow: Args.text({ name: "flow" }).pipe(
    Args.withDescription("The flow, org/project/slug (all runs this machine has seen)."),
    Args.optional
  ),
  flowId: Options.text("flow-id").pipe(Options.withDescription("Use this internal id of the flow."), Options.optional),
  status: Options.choice("status", ["running", "completed", "failed", "cancelled"]).pipe(
    Options.withDescription("List only runs with this status."),
    Options.optional
  ),
  limit: Options.integer("limit").pipe(
    Options.withDescription("List at most this many runs (all; 20 without a flow)."),
    Options.optional
  ),
  since,
  json,
  jsonl,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
