/** The state of a batch as text and as an exit code. */
import type { BatchStatus } from "@effect-noukai/batch/BatchStatus"
import { costText, formatCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import { type ExitCode, exitCodes } from "../../exit/exitCode.js"
import { counted } from "../../terminal/amounts.js"
import { plain } from "../../terminal/text.js"
import type { BatchFlags } from "./flags.js"
import * as Ledger from "./ledger.js"

/**
 * Returns the exit code of a batch that ran.
 *
 * | how it ended | code |
 * | --- | --- |
 * | every row is done | 0 |
 * | every row is settled; some failed, or are reported, invalid, cancelled or refused | 1 |
 * | it was cancelled | 1 |
 * | the key was refused (401, 403) | 3 |
 * | every selected row is done | 0 |
 * | it stopped at its budget or its failures, or was paused | 6 |
 * | rows timed out, and all others are settled | 124 |
 * | it was refused for another reason, or the server was unreachable, and no row ran | 7 |
 * | the same, but some rows ran | 6 |
 * | it was interrupted | 130 |
 */
export const exitCodeOfBatch = (
  { refused, states, status, stop }: Pick<BatchStatus, "refused" | "states" | "status" | "stop">
): ExitCode => {
  switch (stop?.reason) {
    case "interrupted":
      return exitCodes.interrupted
    case "budget":
    case "failures":
    case "paused":
      return exitCodes.stopped
    case "refused":
    case "unreachable": {
      if (stop.statusCode === 401 || stop.statusCode === 403) return exitCodes.notAllowed
      const { done, failed, intent, reported, submitted, uncertain } = states
      return done + failed + reported + submitted + uncertain + intent === 0 ? exitCodes.refused : exitCodes.stopped
    }
    case "timeout":
      return exitCodes.timedOut
    case "cancelled":
    case "killed":
      return exitCodes.failed
    case "unselected":
    case undefined: {
      const bad = states.failed + states.reported + states.invalid + states.cancelled + refused
      return (status === "completed" || stop !== undefined) && bad === 0 ? exitCodes.done : exitCodes.failed
    }
  }
}

/** Returns the number of rows in each state, of refused, skipped and adopted rows, and of retries. Omits zeros. */
export const counts = (
  { absent, adopted, refused, retries, states, timedOut, unselected, waiting }: Pick<
    BatchStatus,
    "absent" | "adopted" | "refused" | "retries" | "states" | "timedOut" | "unselected" | "waiting"
  >
): ReadonlyArray<readonly [string, number]> => {
  const pending = states.pending - absent - unselected - waiting
  const apart = { pending, submitted: states.submitted - timedOut, refused, absent, unselected, waiting }
  return Object.entries({ ...states, ...apart, "timed out": timedOut, retries, adopted }).filter(([, count]) =>
    count > 0
  )
}

type Costs = Pick<BatchStatus, "assumedUsd" | "costUsd" | "unknownCosts">

/** Returns the known cost of a batch, if costs are read. */
export const knownCost = ({ assumedUsd = "0", costUsd, unknownCosts = 0 }: Costs): string | undefined => {
  if (costUsd === undefined) return undefined
  const known = BigDecimal.subtract(BigDecimal.unsafeFromString(costUsd), BigDecimal.unsafeFromString(assumedUsd))
  return costText({ costUsd: formatCost(known), unknownCosts })
}

/** Returns the cost of a batch, and how much of it is unknown, if costs are read. */
export const cost = (costs: Costs): string | undefined => {
  const known = knownCost(costs)
  const { assumedUsd, unknownCosts = 0 } = costs
  if (known === undefined || unknownCosts === 0) return known
  const assumed = assumedUsd === undefined ? "" : `; the budget counts $${assumedUsd} for it`
  return `${known} (cost unknown of ${counted(unknownCosts, "row")}${assumed})`
}

/** Returns a batch in one line. */
export const summary = (status: BatchStatus): string =>
  [
    `${plain(status.batch)}: ${status.status}`,
    counts(status).map(([state, count]) => `${count} ${state}`).join(", "),
    cost(status) ?? ""
  ].filter((part) => part !== "").join("; ")

/** Returns how to run settled rows again. */
export const retrying = (input: BatchFlags, only: "failed" | "cancelled" | "reported"): string => {
  const retry = (...flags: ReadonlyArray<readonly [name: string]>) =>
    Ledger.about(input, "batch retry", [["--only", only], ...flags])
  switch (only) {
    case "failed":
      return `to run them again: ${retry()}`
    case "cancelled":
      return `to run cancelled rows again: ${retry()}`
    case "reported":
      return `reported rows may have run; to run and maybe pay them twice: ${retry(["--accept-double-runs"])}`
  }
}
