/** Errors of batches as the end of a command, in the words of its flags. */
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import { type CommandError, UsageError } from "../../exit/CommandError.js"
import type { BatchCommandError } from "../../exit/exitCode.js"
import { ending } from "../../exit/failing.js"
import type { ServerFlags } from "../../terminal/shell.js"
import type { Voice } from "../../terminal/Terminal.js"

const flags: { readonly [field: string]: string } = {
  adopt: "--no-adopt",
  attempts: "--attempts",
  backoff: "--backoff",
  batch: "the id",
  budgetUsd: "--budget",
  concurrency: "--concurrency",
  grace: "--grace",
  id: "the id",
  key: "the key",
  maxCostPerRow: "--max-cost-per-row",
  maxFailures: "--max-failures",
  pendingTimeout: "--pending-timeout",
  rate: "--rate",
  rowTimeout: "--row-timeout",
  select: "--select",
  stopWithin: "--stop-within"
}

/** Ends the command with what it failed with. */
export const failing = <A, R>(
  effect: Effect.Effect<A, NoukaiError | BatchCommandError | CommandError | UsageError, R>,
  input: ServerFlags & Voice
): Effect.Effect<A, CommandError, R> =>
  // what a batch may have sent stands in its ledger
  ending("reads")(
    Effect.mapError(effect, (error) =>
      error._tag === "InvalidBatchError"
        ? new UsageError({ message: `${flags[error.field] ?? error.field} ${error.reason}` })
        : error._tag === "BatchConflictError"
        ? new UsageError({
          message: `batch ${JSON.stringify(error.batch)} has the ${error.field} ${error.stored} in its ledger, ` +
            `not ${error.given}: use another id, or another --ledger`
        })
        : error),
    input
  )
