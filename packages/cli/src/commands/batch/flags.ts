/** Flags and arguments of batch commands. */
import type { RowState } from "@effect-noukai/batch/BatchRow"
import type { RowSelection } from "@effect-noukai/batch/BatchStatus"
import * as Options from "@effect/cli/Options"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { argument, flow, flowVersion, oneOf, optional, parameter, repeated, whole } from "../../arguments/flags.js"
import { simpleFlags } from "../../arguments/runInput.js"
import * as Values from "../../arguments/values.js"
import { wrong } from "../../exit/CommandError.js"
import type { InputOf } from "../leaf.js"

/** The id and the ledger of a batch. */
export const batchFlags = {
  id: argument("id", "The id of the batch."),
  ledger: optional("ledger", "Keep the batch in this file (<id>.ledger).")
}

export type BatchFlags = InputOf<typeof batchFlags>

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
  ...batchFlags,
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
  ...simpleFlags
}

export type DefinedFlags = InputOf<typeof defined>

/** The flags for the limits of paid runs. */
export const limited = (one: "row" | "run") => ({
  concurrency: whole("concurrency", `Run at most this many ${one}s at once (32).`),
  rate: Options.optional(
    Options.withDescription(Options.float("rate"), `Start at most this many ${one}s per second (no limit).`)
  ),
  budget: optional("budget", "Spend at most these US dollars; needs --max-cost-per-row."),
  maxCostPerRow: optional("max-cost-per-row", `Assume this cost of a ${one} until ten costs are known.`)
})

/** Reads the limits of paid runs. */
export const limits = Effect.fnUntraced(function*(one: "row" | "run", input: InputOf<ReturnType<typeof limited>>) {
  const budgetUsd = yield* Values.dollarsOf("--budget", input.budget)
  const maxCostPerRow = yield* Values.dollarsOf("--max-cost-per-row", input.maxCostPerRow)
  if (budgetUsd !== undefined && maxCostPerRow === undefined) {
    return yield* wrong(`--budget requires --max-cost-per-row: no ${one} has a known cost yet`)
  }
  return {
    budgetUsd,
    maxCostPerRow,
    concurrency: Option.getOrUndefined(input.concurrency),
    rate: Option.getOrUndefined(input.rate)
  }
})
