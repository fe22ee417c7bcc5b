/**
 * The runs of an emulator for a program that shows them, read in its own process. No read is in the ledger.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { RunEntry } from "./EmulatorLedger.js"

/**
 * One kept run. Times are in ms since the epoch, on the emulator's clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunRecord extends RunEntry {
  /** The number of its steps that used tokens and have no cost. Absent if there is none. */
  readonly unknownCosts?: number
  /** `"draft"` or a number. Absent for a flow without versions. */
  readonly version?: string
  /** Since when the run waits for its caller: for tool results, or for the request of its next step. Absent while a step works. */
  readonly waitsSince?: number
}

/**
 * A time in which a run waited for tool results.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunPause {
  readonly stepId: string
  readonly startedAt: number
  /** Absent while it lasts. */
  readonly endedAt?: number
}

/**
 * Facts of a run that its trace does not contain.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunFacts {
  /** The input of its first request, in the form of the wire. Absent if the capture mode does not keep it, or it was cut. */
  readonly request?: { readonly [name: string]: unknown }
  /** The time of its first output, whole or partial. */
  readonly firstOutputAt?: number
  /** The first 1,000. */
  readonly pauses: ReadonlyArray<RunPause>
  /** The messages between steps and their tools up to the last pause, by the ids of the steps. */
  readonly conversations: { readonly [stepId: string]: ReadonlyArray<unknown> }
}

/**
 * A change of the kept runs. `Reset`: the emulator was reset, or changes came faster than they were read. Read all runs
 * again.
 *
 * @since 0.1.0
 * @category models
 */
export type RunChange =
  | { readonly type: "Changed"; readonly run: RunRecord }
  | { readonly type: "Evicted"; readonly executionId: string }
  | { readonly type: "Reset" }

/**
 * The kept runs of an emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface EmulatorRuns {
  /** All kept runs, newest first. */
  readonly list: Effect.Effect<ReadonlyArray<RunRecord>>
  readonly get: (executionId: string) => Effect.Effect<Option.Option<RunRecord>>
  /** The JSON of the trace of a run, as its endpoint returns it. */
  readonly trace: (executionId: string) => Effect.Effect<Option.Option<unknown>>
  /** The response to a read of a session, as its endpoint returns it. Every project may read it here. */
  readonly session: (sessionId: string) => Effect.Effect<{ readonly status: number; readonly body: unknown }>
  readonly facts: (executionId: string) => Effect.Effect<Option.Option<RunFacts>>
  /** Returns the stream of the changes from now on. A run changes when it starts or ends, and so do its steps. */
  readonly changes: Effect.Effect<Stream.Stream<RunChange>>
}
