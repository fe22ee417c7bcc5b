/** The arguments of `noukai job submit`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flow, json, noHistory, optional, runInput, voice } from "../../../arguments/flags.js"

export const config = {
  flow,
  ...runInput,
  session: optional("session", "The session id of the run."),
  once: optional("once", "Submits once for this key: a second call gives the job of the first."),
  rerunFailed: Options.boolean("rerun-failed").pipe(
    Options.withDescription("With --once: submit again what failed or was cancelled before.")
  ),
  wait: Options.boolean("wait").pipe(Options.withDescription("Wait for the job, and print its result.")),
  timeout: optional("timeout", "With --wait: the limit of the wait: 90s, 500ms, 2m; seconds without a unit."),
  json,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
