/** The arguments of `noukai batch plan`. */
import type * as Command from "@effect/cli/Command"
import { connection, json, voice } from "../../../arguments/flags.js"
import { defined } from "../flags.js"

export const config = { ...defined, json, ...connection, ...voice }

export type Input = Command.Command.ParseConfig<typeof config>
