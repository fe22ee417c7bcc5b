/** The arguments of `noukai batch plan`. */
import type * as Command from "@effect/cli/Command"
import { connection, json, voice } from "../../../arguments/flags.js"
import { defined, select } from "../flags.js"

export const config = { ...defined, select, json, ...connection, ...voice }

export type Input = Command.Command.ParseConfig<typeof config>
