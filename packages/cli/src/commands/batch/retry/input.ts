/** The arguments of `noukai batch retry`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { json, voice } from "../../../arguments/flags.js"
import { select, standing } from "../flags.js"

export const config = {
  ...standing,
  only: Options.choice("only", ["failed", "reported", "cancelled", "invalid"]).pipe(
    Options.withDescription("The state of the rows that are to be run again.")
  ),
  acceptDoubleRuns: Options.boolean("accept-double-runs").pipe(
    Options.withDescription("With --only reported, whose rows may have run: they may run, and be paid, twice.")
  ),
  select,
  json,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
