/** The arguments of `noukai job submit`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, flow, json, noHistory, optional, runInput, voice } from "../../../arguments/flags.js"

export const config = {
  flow,
  ...runInput,
  session: optional("session", "Use this session id (a new one)."),
  once: optional("once", "Submit once per key; later calls return the same job."),
  rerunFailed: Options.boolean("rerun-failed").pipe(
    Options.withDescription("With --once: submit a failed or cancelled run again.")
  ),
  wait: Options.boolean("wait").pipe(Options.withDescription("Wait for the job and print its result.")),
  timeout: optional("timeout", "With --wait: wait at most this long, such as 90s or 2m."),
  json,
  noHistory,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
