/**
 * The interface of a running emulator for the program that started it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { Organisation } from "./Account.js"
import type { EmulatorError } from "./EmulatorError.js"
import type { EmulatorLedger, LedgerEvent, LedgerTotals, RequestEntry, WebhookDelivery } from "./EmulatorLedger.js"
import type { EmulatorRuns } from "./EmulatorRuns.js"
import type { FaultRule } from "./Fault.js"
import type { Flow, FlowFacts } from "./Flow.js"

/**
 * The money of an organisation, in US dollars as decimal text.
 *
 * @since 0.1.0
 * @category models
 */
export interface EmulatorAccount {
  readonly org: string
  /** The rest of its credits. Absent without a limit. */
  readonly creditsUsd?: string
  /** The cost of its runs since the start or the last reset. */
  readonly billedUsd: string
}

/**
 * A running emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface EmulatorService {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** The base URL for clients: `url` with the prefix of the API. */
  readonly baseUrl: string
  readonly port: number
  /** An accepted key. */
  readonly apiKey: Redacted.Redacted<string>
  /** The flows, as `org/project/slug`. */
  readonly flows: Effect.Effect<ReadonlyArray<string>>
  /** The facts of a flow for a form about a new run. None if the flow does not exist. */
  readonly flow: (ref: string) => Effect.Effect<Option.Option<FlowFacts>>
  /** A snapshot of the ledger: runs, bills and requests so far. */
  readonly ledger: Effect.Effect<EmulatorLedger>
  /** The counts of the ledger, without its lists. */
  readonly totals: Effect.Effect<LedgerTotals>
  /** The requests of the ledger, without its other lists. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestEntry>>
  /** The webhooks of jobs that have ended, without the other lists of the ledger. */
  readonly webhooks: Effect.Effect<ReadonlyArray<WebhookDelivery>>
  /**
   * Makes a new secret and returns it. For 24 hours of the emulator's clock webhooks are signed by it (`v1`) and by the
   * secret before (`v2`).
   */
  readonly rotateWebhookSecret: Effect.Effect<Redacted.Redacted<string>>
  /** The organisations that have settings or paid for a run, by name. */
  readonly accounts: Effect.Effect<ReadonlyArray<EmulatorAccount>>
  /** The kept runs and their traces, without a request. */
  readonly runs: EmulatorRuns
  /** The events since the start or the last reset, then each new one as it happens. */
  readonly events: Stream.Stream<LedgerEvent>
  /** Returns the first event that `predicate` accepts, past events included. Waits for it if there is none yet. */
  readonly awaitEvent: {
    <E extends LedgerEvent>(predicate: (event: LedgerEvent) => event is E): Effect.Effect<E>
    (predicate: (event: LedgerEvent) => boolean): Effect.Effect<LedgerEvent>
  }
  /** Waits until every connection that has carried a request is closed. */
  readonly awaitClose: Effect.Effect<void>
  /** The rules that may still cause a fault, in order. */
  readonly faults: Effect.Effect<ReadonlyArray<FaultRule>>
  /** Adds faults after the present ones. Fails with `EmulatorError` (`InvalidFlow`) if a fault is not valid. */
  readonly addFaults: (...rules: ReadonlyArray<FaultRule>) => Effect.Effect<void, EmulatorError>
  /** Removes rules that {@link faults} returned. Others are ignored. */
  readonly removeFaults: (...rules: ReadonlyArray<FaultRule>) => Effect.Effect<void>
  /** Removes all faults. The faults in a request's header still apply. */
  readonly clearFaults: Effect.Effect<void>
  /**
   * Adds flows, or replaces those of the same `ref`. Runs of a replaced flow become stale. Fails with `EmulatorError`
   * (`InvalidFlow`) if a flow is wrong.
   */
  readonly putFlows: (...flows: ReadonlyArray<Flow>) => Effect.Effect<void, EmulatorError>
  /** Removes a flow. Requests no longer find it, and recorded sessions lose its slug. */
  readonly removeFlow: (ref: string) => Effect.Effect<void>
  /** Cancels a job that has not ended. Returns false if the job is unknown or has ended. */
  readonly cancelJob: (executionId: string) => Effect.Effect<boolean>
  /** Expires a session. Reads of it are a 410 from now on. */
  readonly expireSession: (sessionId: string) => Effect.Effect<void>
  /** Replaces the settings of an organisation. Fails with `EmulatorError` for a wrong or unknown setting. */
  readonly putOrganisation: (org: string, organisation: Organisation) => Effect.Effect<void, EmulatorError>
  /** Revokes a key. It is refused from now on. */
  readonly revokeKey: (key: Redacted.Redacted<string>) => Effect.Effect<void>
  /** Restores the start: ledger, runs, sessions, keys, credits, faults, flows, webhooks and ids. Connections stay open. */
  readonly reset: Effect.Effect<void>
}
