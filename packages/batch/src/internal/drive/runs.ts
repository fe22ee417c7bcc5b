/** How the runs of a batch are begun, found and followed: through the queue, or in requests. */
import type { NoukaiError } from "@effect-noukai/sdk"
import type { Waits } from "@effect-noukai/sdk/kit/callback"
import { digitsAt, digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import type { RunCost } from "@effect-noukai/sdk/Trace"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import type { LiveRow } from "../ledger/rows.js"
import type { Settlement } from "./running.js"

/** The finding of a look at the session of an attempt. */
export type Look =
  | { readonly _tag: "absent" }
  | { readonly _tag: "found"; readonly executionId: string }
  | { readonly _tag: "ended"; readonly settled: Settlement }

/** The outcome of a request that begins a run. */
export type BeginResult =
  /** The run continues and is polled. */
  | { readonly _tag: "submitted"; readonly executionId: string }
  | {
    readonly _tag: "ended"
    readonly settled: Settlement
    /** Whether it was found through its session. */
    readonly isListed: boolean
    /** A look at its session, where that is known. */
    readonly look?: Effect.Effect<Look, NoukaiError>
  }

/** The answer of a poll. A status that is not known counts as running. */
export type PollResult =
  | { readonly _tag: "pending" }
  | { readonly _tag: "running"; readonly unknown?: string }
  | { readonly _tag: "ended"; readonly settled: Settlement }

/** The amounts of a run, and the outputs of its steps that are kept. */
export interface RunMeasure extends Pick<RunCost, "costUsd" | "isKnown" | "tokens" | "wallMs"> {
  /** Whether its trace tells a time. */
  readonly isTimed: boolean
  readonly outputs?: { readonly [stepId: string]: unknown }
}

export interface Runs {
  /** A look at the session of an attempt. */
  readonly look: (row: Pick<LiveRow, "attempt" | "flow" | "key" | "version">) => Effect.Effect<Look, NoukaiError>
  /** Whether `begin` looks first and returns the run that it finds. It may then be repeated for a row that may have been sent. */
  readonly beginLooks?: true
  readonly begin: (
    row: LiveRow,
    input: string,
    timeout: Duration.DurationInput
  ) => Effect.Effect<BeginResult, BatchStoreError | NoukaiError>
  /** Polls of a run that was begun. */
  readonly follow: (
    executionId: string,
    row: LiveRow
  ) => Effect.Effect<Effect.Effect<PollResult, NoukaiError>, NoukaiError>
  /** The waits for the webhook of a run that was begun. Absent: the runs of the batch have none. */
  readonly waits?: (executionId: string, row: LiveRow) => Effect.Effect<Waits | undefined>
  /** The cost, time and tokens of a run that ended, and the outputs of its steps that are kept. */
  readonly measure: (executionId: string, row: LiveRow) => Effect.Effect<RunMeasure, NoukaiError>
}

/** The result of a run as JSON, with the digits of its numbers. */
export const resultJson = (end: { readonly result?: unknown }): string =>
  stringifyJson(end.result ?? null, digitsAt(digitsWithin(end), "result"))
