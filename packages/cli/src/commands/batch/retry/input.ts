/** The arguments of `noukai batch retry`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { json, voice } from "../../../arguments/flags.js"
import { select, standing } from "../flags.js"

export const config = {
  ...standing,
  only: Options.choice("only", ["failed", "reported", "cancelled", "invalid"]).pipe(
    Options.withDescription("Retry the rows in this state.")
  ),
  acceptDoubleRuns: Options.boolean("accept-double-runs").pipe(
    Options.withDescription("Retry reported rows, which may run and be billed twice.")
  ),
  select,
  json,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
