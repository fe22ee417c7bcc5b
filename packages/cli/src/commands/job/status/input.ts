/** The arguments of `noukai job status`. */
import type * as Command from "@effect/cli/Command"
import { connection, flow, json, jsonl, voice } from "../../../arguments/flags.js"
import { ids } from "../ids.js"

export const config = { flow, ids, json, jsonl, ...connection, ...voice }

export type Input = Command.Command.ParseConfig<typeof config>
