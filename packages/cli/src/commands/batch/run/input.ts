/** The arguments of `noukai batch run`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, json, optional, voice } from "../../../arguments/flags.js"
import { defined, select } from "../flags.js"

const flag = (name: string, does: string) => Options.withDescription(Options.boolean(name), does)

export const config = {
  ...defined,
  concurrency: Options.integer("concurrency").pipe(
    Options.withDescription("The most rows in flight; 32 unless given."),
    Options.optional
  ),
  rate: Options.float("rate").pipe(
    Options.withDescription("The most rows that begin in a second; no limit unless given."),
    Options.optional
  ),
  budget: optional("budget", "The most that the rows may cost, in US dollars; with --max-cost-per-row."),
  maxCostPerRow: optional(
    "max-cost-per-row",
    "The most that one row is taken to cost, in US dollars, until ten costs are known."
  ),
  maxFailures: Options.integer("max-failures").pipe(
    Options.withDescription("The most rows that may fail before the batch stops; no limit unless given."),
    Options.optional
  ),
  attempts: Options.integer("attempts").pipe(
    Options.withDescription("How often a row may run that fails for a reason that may pass; each is paid (1)."),
    Options.optional
  ),
  backoff: optional("backoff", "The wait before the second attempt; it doubles, up to a minute (1s)."),
  select,
  cost: flag("cost", "Read the cost of each row after it, which takes a request; --budget does so, too."),
  noAdopt: flag("no-adopt", "Do not look for runs of another ledger of this id: spares a request for each row."),
  grace: optional("grace", "How long the server may take to list a run: 5s unless given."),
  rowTimeout: optional("row-timeout", "How long a row may be running before it has timed out (1h)."),
  pendingTimeout: optional("pending-timeout", "How long the job of a row may be pending (no limit)."),
  stopWithin: optional("stop-within", "How long rows in flight may go on after Ctrl-C: 30s unless given."),
  yes: Options.boolean("yes").pipe(
    Options.withAlias("y"),
    Options.withDescription("Run more than 1,000 rows on the hosted service without being asked.")
  ),
  json,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
