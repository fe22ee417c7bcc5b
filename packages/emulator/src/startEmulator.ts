/**
 * The emulator for programs without Effect.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { Organisation } from "./Account.js"
import { make, type Options } from "./Emulator.js"
import type { EmulatorLedger, WebhookDelivery } from "./EmulatorLedger.js"
import type { FaultRule } from "./Fault.js"
import type { Flow } from "./Flow.js"

/**
 * A running emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunningEmulator extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** The base URL for clients: `url` with the prefix of the API. */
  readonly baseUrl: string
  readonly port: number
  /** An accepted key. */
  readonly apiKey: string
  /** A snapshot of the ledger: runs, bills and requests so far. */
  readonly ledger: () => EmulatorLedger
  /** The webhooks of jobs that have ended. */
  readonly webhooks: () => ReadonlyArray<WebhookDelivery>
  /**
   * Makes a new secret and returns it. For 24 hours webhooks are signed by it (`v1`) and by the secret before (`v2`).
   */
  readonly rotateWebhookSecret: () => string
  /** Adds faults after the present ones. Throws an `EmulatorError` if a fault is not valid. */
  readonly addFaults: (...rules: ReadonlyArray<FaultRule>) => void
  /** Removes all faults. The faults in a request's header still apply. */
  readonly clearFaults: () => void
  /**
   * Adds flows, or replaces those of the same `ref`. Runs of a replaced flow become stale. Throws an `EmulatorError` if
   * a flow is wrong.
   */
  readonly putFlows: (...flows: ReadonlyArray<Flow>) => void
  /** Removes a flow. Requests no longer find it, and recorded sessions lose its slug. */
  readonly removeFlow: (ref: string) => void
  /** Cancels a job that has not ended. Returns false if the job is unknown or has ended. */
  readonly cancelJob: (executionId: string) => Promise<boolean>
  /** Expires a session. Reads of it are a 410 from now on. */
  readonly expireSession: (sessionId: string) => void
  /** Replaces the settings of an organisation. Throws an `EmulatorError` for a wrong or unknown setting. */
  readonly putOrganisation: (org: string, organisation: Organisation) => void
  /** Revokes a key. It is refused from now on. */
  readonly revokeKey: (key: string) => void
  /** Restores the start: ledger, runs, sessions, keys, credits, faults, flows, webhooks and ids. Connections stay open. */
  readonly reset: () => Promise<void>
  /** Stops listening and closes every connection. Closing twice is harmless. */
  readonly close: () => Promise<void>
}

/**
 * Starts an emulator. Rejects with an `EmulatorError` if the server cannot listen, if the flows file cannot be read, or
 * if the file, a flow or a fault is wrong.
 *
 * @example
 * ```ts
 * import { startEmulator } from "@effect-noukai/emulator"
 *
 * const emulator = await startEmulator()
 * process.env.NOUKAI_API_KEY = emulator.apiKey
 * // … point a client at emulator.baseUrl
 * await emulator.close()
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const startEmulator = async (options: Options = {}): Promise<RunningEmulator> => {
  const scope = await Effect.runPromise(Scope.make())
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const started = await Effect.runPromise(Effect.either(Scope.extend(make(options), scope)))
  if (started._tag === "Left") {
    await close()
    throw started.left
  }
  const emulator = started.right
  // `Effect.run*` would throw a FiberFailure, not the error itself
  const now = <A, E>(effect: Effect.Effect<A, E>): A => {
    const result = Effect.runSync(Effect.either(effect))
    if (result._tag === "Left") throw result.left
    return result.right
  }
  return {
    url: emulator.url,
    baseUrl: emulator.baseUrl,
    port: emulator.port,
    apiKey: Redacted.value(emulator.apiKey),
    ledger: () => now(emulator.ledger),
    webhooks: () => now(emulator.webhooks),
    rotateWebhookSecret: () => Redacted.value(now(emulator.rotateWebhookSecret)),
    addFaults: (...rules) => now(emulator.addFaults(...rules)),
    clearFaults: () => now(emulator.clearFaults),
    putFlows: (...flows) => now(emulator.putFlows(...flows)),
    removeFlow: (ref) => now(emulator.removeFlow(ref)),
    cancelJob: (executionId) => Effect.runPromise(emulator.cancelJob(executionId)),
    expireSession: (sessionId) => now(emulator.expireSession(sessionId)),
    putOrganisation: (org, organisation) => now(emulator.putOrganisation(org, organisation)),
    revokeKey: (key) => now(emulator.revokeKey(Redacted.make(key))),
    reset: () => Effect.runPromise(emulator.reset),
    close,
    [Symbol.asyncDispose]: close
  }
}
