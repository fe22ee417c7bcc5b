/** Flags and arguments of several commands about batches. */
import type { RowState } from "@effect-noukai/batch/BatchRow"
import type { RowSelection } from "@effect-noukai/batch/BatchStatus"
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import * as Arr from "effect/Array"
import { flow, flowVersion, optional, parameter, trace } from "../../arguments/flags.js"

/** A batch that stands in a ledger. */
export const standing = {
  id: Args.text({ name: "id" }).pipe(Args.withDescription("The id of the batch.")),
  ledger: optional("ledger", "Keep the batch in this file (<id>.ledger).")
}

/** Which rows of a batch. */
export const select = Options.text("select").pipe(
  Options.withDescription("Select keys by * and ?, or state:failed. Repeatable."),
  Options.repeated
)

/** The rows that are meant: those with one of the keys and one of the states. */
export const selection = (given: ReadonlyArray<string>): RowSelection => {
  const [key, state] = Arr.partition(given, (text) => text.startsWith("state:"))
  return {
    key: key.length === 0 ? undefined : key.map((text) => text.replace(/^key:/, "")),
    // an unknown one is refused where it is used
    state: state.length === 0 ? undefined : state.map((text) => text.slice("state:".length) as RowState)
  }
}

/** A flow over the rows of a file. */
export const defined = {
  ...standing,
  flow,
  input: Options.text("input").pipe(
    Options.withDescription("Read rows from this JSON lines or CSV file; - is stdin.")
  ),
  format: Options.choice("format", ["jsonl", "csv"]).pipe(
    Options.withDescription("Read this format (by file name; jsonl on stdin)."),
    Options.optional
  ),
  delimiter: optional("delimiter", "Separate CSV values by this (detected in the first line)."),
  key: Options.text("key").pipe(
    Options.withDescription("Use this field, text or number, as the unique row key.")
  ),
  messageField: optional("message-field", "Use this field as the message."),
  messageTemplate: optional("message-template", "Build the message from this text with {{field}}."),
  parameter: parameter("Set key=text with {{field}}, or key:=JSON. Repeatable."),
  operation: Options.choice("operation", ["jobs", "execute"]).pipe(
    Options.withDescription("Run rows as queued jobs or as requests (jobs)."),
    Options.withDefault("jobs")
  ),
  version: flowVersion,
  trace
}
