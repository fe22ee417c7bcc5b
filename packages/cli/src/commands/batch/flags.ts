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
  ledger: optional("ledger", "The file that keeps the batch; <id>.ledger in the working folder unless given.")
}

/** Which rows of a batch. */
export const select = Options.text("select").pipe(
  Options.withDescription("Rows whose keys fit a pattern with * and ?, or state:failed. May be given again."),
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
    Options.withDescription("The file of rows, JSON in lines or CSV; - is stdin.")
  ),
  format: Options.choice("format", ["jsonl", "csv"]).pipe(
    Options.withDescription("What the file is; told by its name unless given, and jsonl on stdin."),
    Options.optional
  ),
  delimiter: optional(
    "delimiter",
    "What stands between two values of CSV; the first line of the file tells unless given."
  ),
  key: Options.text("key").pipe(
    Options.withDescription("The field that is the key of a row: a text or a number, another one in each row.")
  ),
  messageField: optional("message-field", "The field that is the message of a row."),
  messageTemplate: optional("message-template", "The message of a row, with {{field}} in the place of a field."),
  parameter: parameter(
    "key=text with {{field}} in it, or key:=JSON. A text that is one {{field}} alone has its value as it is. " +
      "Without any, and without a message, the fields of a row are its parameters. May be given again."
  ),
  operation: Options.choice("operation", ["jobs", "execute"]).pipe(
    Options.withDescription("How a row is run: a job in the queue (jobs), or a request (execute)."),
    Options.withDefault("jobs")
  ),
  version: flowVersion,
  trace
}
