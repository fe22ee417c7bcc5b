/** The arguments of `noukai batch status`. */
import type * as Command from "@effect/cli/Command"
import { json, voice } from "../../../arguments/flags.js"
import { standing } from "../flags.js"

export const config = { ...standing, json, ...voice }

export type Input = Command.Command.ParseConfig<typeof config>
