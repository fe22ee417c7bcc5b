/** The arguments of `noukai batch attempts`. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import { voice } from "../../../arguments/flags.js"
import { standing } from "../flags.js"

export const config = {
  ...standing,
  key: Args.text({ name: "key" }).pipe(Args.withDescription("The key of the row.")),
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
