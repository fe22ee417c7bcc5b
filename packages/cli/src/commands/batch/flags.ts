/** Flags and arguments of batch commands. */
import type { RowState } from "@effect-noukai/batch/BatchRow"
import type { RowSelection } from "@effect-noukai/batch/BatchStatus"
import * as Options from "@effect/cli/Options"
import * as Arr from "effect/Array"
import { argument, flow, flowVersion, oneOf, optional, parameter, repeated, snapshots } from "../../arguments/flags.js"
import type { InputOf } from "../leaf.js"

/** The id and the ledger of a batch. */
export const standing = {
  id: argument("id", "The id of the batch."),
  ledger: optional("ledger", "Keep the batch in this file (<id>.ledger).")
}

export type StandingFlags = InputOf<typeof standing>

/** The rows that a command selects. */
export const select = repeated("select", "Select keys by * and ?, or state:failed. Repeatable.")

/** Reads --select. A row must match one of the keys and one of the states. */
export const selection = (given: ReadonlyArray<string>): RowSelection => {
  const [key, state] = Arr.partition(given, (text) => text.startsWith("state:"))
  return {
    key: key.length === 0 ? undefined : key.map((text) => text.replace(/^key:/, "")),
    // the batch refuses an unknown state
    state: state.length === 0 ? undefined : state.map((text) => text.slice("state:".length) as RowState)
  }
}

/** The flags that define a batch. */
export const defined = {
  ...standing,
  flow,
  input: Options.withDescription(Options.text("input"), "Read rows from this JSON lines or CSV file; - is stdin."),
  format: Options.optional(oneOf("format", ["jsonl", "csv"], "Read this format (by file name; jsonl on stdin).")),
  delimiter: optional("delimiter", "Separate CSV values by this (detected in the first line)."),
  key: Options.withDescription(Options.text("key"), "Use this field, text or number, as the unique row key."),
  messageField: optional("message-field", "Use this field as the message."),
  messageTemplate: optional("message-template", "Build the message from this text with {{field}}."),
  parameter: parameter("Set key=text with {{field}}, or key:=JSON. Repeatable."),
  operation: Options.withDefault(
    oneOf("operation", ["jobs", "execute"], "Run rows as queued jobs or as requests (jobs)."),
    "jobs"
  ),
  version: flowVersion,
  snapshots
}

export type DefinedFlags = InputOf<typeof defined>
