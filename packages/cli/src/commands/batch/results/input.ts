/** The arguments of `noukai batch results`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { optional, voice } from "../../../arguments/flags.js"
import { standing } from "../flags.js"

export const config = {
  ...standing,
  order: Options.choice("order", ["input", "done"]).pipe(
    Options.withDescription("input: all rows, as they were read. done: those that are settled, as they were."),
    Options.withDefault("input")
  ),
  out: optional("out", "A folder for results.jsonl, failures.jsonl and manifest.json, in place of stdout."),
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
