/** The arguments of `noukai batch results`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { optional, voice } from "../../../arguments/flags.js"
import { select, standing } from "../flags.js"

export const config = {
  ...standing,
  order: Options.choice("order", ["input", "done"]).pipe(
    Options.withDescription("input: all rows, as they were read. done: those that are settled, as they were."),
    Options.withDefault("input")
  ),
  format: Options.choice("format", ["jsonl", "csv"]).pipe(
    Options.withDescription("JSON in lines, or CSV with a column for each field of a result (jsonl)."),
    Options.withDefault("jsonl")
  ),
  spreadsheet: Options.boolean("spreadsheet").pipe(
    Options.withDescription("With --format csv: escape cells that are formulas in a spreadsheet.")
  ),
  withInput: Options.boolean("with-input").pipe(Options.withDescription("Add the input of each row.")),
  select,
  out: optional("out", "A folder for results.jsonl, failures.jsonl and manifest.json, in place of stdout."),
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
