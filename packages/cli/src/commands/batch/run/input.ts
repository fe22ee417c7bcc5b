/** The arguments of `noukai batch run`. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { connection, json, optional, voice } from "../../../arguments/flags.js"
import { defined, select } from "../flags.js"

const flag = (name: string, does: string) => Options.withDescription(Options.boolean(name), does)

export const config = {
  ...defined,
  concurrency: Options.integer("concurrency").pipe(
    Options.withDescription("Run at most this many rows at once (32)."),
    Options.optional
  ),
  rate: Options.float("rate").pipe(
    Options.withDescription("Start at most this many rows per second (no limit)."),
    Options.optional
  ),
  budget: optional("budget", "Spend at most these US dollars; needs --max-cost-per-row."),
  maxCostPerRow: optional("max-cost-per-row", "Assume this cost of a row until ten costs are known."),
  maxFailures: Options.integer("max-failures").pipe(
    Options.withDescription("Allow at most this many failed rows (no limit)."),
    Options.optional
  ),
  attempts: Options.integer("attempts").pipe(
    Options.withDescription("Run a row at most this often; each attempt is billed (1)."),
    Options.optional
  ),
  backoff: optional("backoff", "Wait this long before attempt 2, doubling to 1m (1s)."),
  select,
  cost: flag("cost", "Read the cost of each row, in one more request."),
  noAdopt: flag("no-adopt", "Do not search for runs of rows that a lost ledger began."),
  grace: optional("grace", "Wait this long until the server lists a run (5s)."),
  rowTimeout: optional("row-timeout", "Time out a row after running this long (1h)."),
  pendingTimeout: optional("pending-timeout", "Time out a job after pending this long (no limit)."),
  stopWithin: optional("stop-within", "After Ctrl-C, let rows in flight run this long (30s)."),
  yes: Options.boolean("yes").pipe(
    Options.withAlias("y"),
    Options.withDescription("Run over 1,000 hosted rows without confirmation.")
  ),
  json,
  ...connection,
  ...voice
}

export type Input = Command.Command.ParseConfig<typeof config>
