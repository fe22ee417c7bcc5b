/**
 * What a running emulator offers to the program that started it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { Organisation } from "./Account.js"
import type { EmulatorError } from "./EmulatorError.js"
import type { EmulatorLedger, LedgerEvent } from "./EmulatorLedger.js"
import type { FaultRule } from "./Fault.js"
import type { Flow } from "./Flow.js"

/**
 * A running emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface EmulatorService {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** `url` and the prefix of the API: what clients are pointed at. */
  readonly baseUrl: string
  readonly port: number
  /** A key that is let in. */
  readonly apiKey: Redacted.Redacted<string>
  /** What ran, what was billed, what was asked; now. */
  readonly ledger: Effect.Effect<EmulatorLedger>
  /** What happened since the start or the last reset, then what happens, as it happens. */
  readonly events: Stream.Stream<LedgerEvent>
  /** The first event that `predicate` takes, past ones included; waits for it when there is none yet. */
  readonly awaitEvent: {
    <E extends LedgerEvent>(predicate: (event: LedgerEvent) => event is E): Effect.Effect<E>
    (predicate: (event: LedgerEvent) => boolean): Effect.Effect<LedgerEvent>
  }
  /** Waits until every connection that has carried a request is closed. */
  readonly awaitClose: Effect.Effect<void>
  /** Adds faults behind those that are set. Fails with `EmulatorError` (`InvalidFlow`) when one is no fault. */
  readonly addFaults: (...rules: ReadonlyArray<FaultRule>) => Effect.Effect<void, EmulatorError>
  /** No more faults, except by header. */
  readonly clearFaults: Effect.Effect<void>
  /**
   * Adds flows, or replaces those of the same `ref`: runs of a replaced one are stale. Fails with `EmulatorError`
   * (`InvalidFlow`) when one is wrong.
   */
  readonly putFlows: (...flows: ReadonlyArray<Flow>) => Effect.Effect<void, EmulatorError>
  /** Removes a flow: it is not found any more, and recorded sessions lose its slug. */
  readonly removeFlow: (ref: string) => Effect.Effect<void>
  /** Cancels a job that has not ended; `false` when there is none. */
  readonly cancelJob: (executionId: string) => Effect.Effect<boolean>
  /** From now on the session is 410. */
  readonly expireSession: (sessionId: string) => Effect.Effect<void>
  /** Replaces what is set for an organisation. */
  readonly putOrganisation: (org: string, organisation: Organisation) => Effect.Effect<void>
  /** From now on the key is refused. */
  readonly revokeKey: (key: Redacted.Redacted<string>) => Effect.Effect<void>
  /** Everything as at the start: ledger, runs, sessions, keys, credits, faults, flows, ids. Connections stay open. */
  readonly reset: Effect.Effect<void>
}
