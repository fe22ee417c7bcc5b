/** Flags and arguments of eval commands. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import { argument, flag, json, jsonl, optional, repeated, whole } from "../../arguments/flags.js"
import type { InputOf } from "../leaf.js"

/** The definition and the ledger of an eval. */
export const defined = {
  file: argument("file", "The definition: JSON, YAML, or a module with an eval."),
  ledger: optional("ledger", "Keep runs in this file (<name>.ledger).")
}

export type DefinedFlags = InputOf<typeof defined>

/** An eval run in the ledger. */
export const run = Args.optional(argument("run", "The id of an eval run (the newest)."))

/** The sides of a comparison, and the folders of recordings. */
export const compared = {
  candidate: repeated("candidate", "A version, flow@version or side (draft). Repeatable."),
  baseline: optional("baseline", "A version, flow@version, .json file or none (production)."),
  repeat: whole("repeat", "Run each case this often; the majority counts (1)."),
  record: optional("record", "Record the runs into cassettes in this folder."),
  replay: optional("replay", "Replay the cassettes of this folder; send nothing.")
}

/** The cases of a run. */
export const selected = {
  select: repeated("select", "Run cases with these keys alone, by * and ?. Repeatable."),
  first: whole("first", "Run at most this many cases."),
  failing: flag("failing", "Run the cases that failed in the newest complete run.")
}

export type SelectedFlags = InputOf<typeof selected>

export type ComparedFlags = InputOf<typeof compared>

/** Where the report goes. */
export const outputs = {
  csv: optional("csv", "Write the verdicts of all cases to this file as CSV."),
  html: optional("html", "Write the report to this file as HTML."),
  junit: optional("junit", "Write the report to this file as XML of JUnit."),
  summary: optional("summary", "Append the report to this file as Markdown."),
  allowErrors: whole("allow-errors", "Allow this many verdicts that are errors (0)."),
  json,
  jsonl
}

export type OutputFlags = InputOf<typeof outputs>

export const yes = Options.withAlias(flag("yes", "Begin over 1,000 hosted runs without confirmation."), "y")

/** One of the candidates of a run. */
export const candidate = optional("candidate", "Of several candidates, this one alone.")

/** A stored run, and what it is compared with. */
export const stored = {
  ...defined,
  run,
  candidate,
  baseline: optional("baseline", "Compare with this baseline file (as the run did)."),
  ...outputs
}

export type StoredFlags = InputOf<typeof stored>
