/** The arguments of `noukai batch results`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { optional, voice } from "../../../arguments/flags.js"
import { select, standing } from "../flags.js"

export const config = {
  ...standing,
  order: Options.choice("order", ["input", "done"]).pipe(
    Options.withDescription("Print all rows in input order, or settled ones (input)."),
    Options.withDefault("input")
  ),
  format: Options.choice("format", ["jsonl", "csv"]).pipe(
    Options.withDescription("Print JSON lines, or CSV with result columns (jsonl)."),
    Options.withDefault("jsonl")
  ),
  spreadsheet: Options.boolean("spreadsheet").pipe(
    Options.withDescription("With --format csv: escape spreadsheet formulas.")
  ),
  withInput: Options.boolean("with-input").pipe(Options.withDescription("Add the input of each row.")),
  select,
  out: optional("out", "Write result files to this folder, not to stdout."),
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
