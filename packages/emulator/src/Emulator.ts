/**
 * A local Noukai server: real HTTP, real state, flows that you write.
 *
 * @since 0.1.0
 */
import { NoukaiConfig } from "@effect-noukai/sdk/NoukaiConfig"
import * as Config from "@effect-noukai/sdk/NoukaiConfig"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import { EmulatorError } from "./EmulatorError.js"
import type { EmulatorLedger, LedgerEvent } from "./EmulatorLedger.js"
import type { FaultRule } from "./Fault.js"
import type { ApiKey, Flow, Organisation } from "./FlowFile.js"
import { serve } from "./internal/serve.js"

/**
 * @since 0.1.0
 * @category models
 */
export declare namespace Emulator {
  /**
   * A running emulator.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** `http://127.0.0.1:<port>` */
    readonly url: string
    /** `url` and the prefix of the API: what clients are pointed at */
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
    /** Adds faults behind those that are set. */
    readonly addFaults: (...rules: ReadonlyArray<FaultRule>) => Effect.Effect<void, EmulatorError>
    /** No more faults, except by header. */
    readonly clearFaults: Effect.Effect<void>
    /** Adds flows, or replaces those of the same `ref`: runs of a replaced one are stale. */
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
    /** Everything as at the start: ledger, runs, credits, faults, flows, ids. Connections stay open. */
    readonly reset: Effect.Effect<void>
  }
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Emulator extends Context.Tag("@effect-noukai/emulator/Emulator")<Emulator, Emulator.Service>() {
  /**
   * An emulator and a client configuration that points at it: {@link layer}.
   *
   * @since 0.1.0
   */
  static layer(options: Options = {}): Layer.Layer<Emulator | NoukaiConfig, EmulatorError> {
    return layer(options)
  }
}

/**
 * What bounds the server.
 *
 * @since 0.1.0
 * @category options
 */
export interface Limits {
  /** A larger body is 413. Default 16 MiB. */
  readonly bodyBytes?: number | undefined
  /** Larger headers are 431. Default 16 KiB. */
  readonly headerBytes?: number | undefined
  /** More connections are refused. Default 4096. */
  readonly connections?: number | undefined
  /** Until a whole request must have arrived; real time. Default 30 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** How long a connection may be idle between requests; real time. Default 5 seconds. */
  readonly keepAliveTimeout?: Duration.DurationInput | undefined
  /** How much of a request body the ledger keeps. Default 1 MiB. */
  readonly ledgerBodyBytes?: number | undefined
  /** How many runs are kept; the oldest go. Default 10,000. */
  readonly runs?: number | undefined
}

/**
 * How jobs are queued (contract 8).
 *
 * @since 0.1.0
 * @category options
 */
export interface Jobs {
  /** How long polls do not find a job after its submission. Default 0. */
  readonly rowDelay?: Duration.DurationInput | undefined
  /** How long a job waits before a worker takes it. Default 0. */
  readonly queueDelay?: Duration.DurationInput | undefined
  /** How many jobs run at once. Default 8. */
  readonly workers?: number | undefined
  /** How many jobs may wait; more are 503. Default 1000. */
  readonly capacity?: number | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Default: those of `file`, else the samples. */
  readonly flows?: ReadonlyArray<Flow> | undefined
  /** Path of a flows file: its flows, keys and organisations come first. Default: none. */
  readonly file?: string | undefined
  /** 0 is any free one. Default 0. */
  readonly port?: number | undefined
  /** Default `127.0.0.1`, so that nobody else can call. */
  readonly host?: string | undefined
  /** When there is any, no other key is let in. Default: those of `file`, else every key that begins with `nk_`. */
  readonly keys?: ReadonlyArray<ApiKey> | undefined
  /** Credits, capture modes and limits by organisation. Default: none. */
  readonly organisations?: { readonly [org: string]: Organisation } | undefined
  /** Faults from the start. Default: none. */
  readonly faults?: ReadonlyArray<FaultRule> | undefined
  /** What ids and dice are drawn from: the same seed and requests give the same responses. Default 1. */
  readonly seed?: number | undefined
  /** Rounds of tool calls after which a run fails with `TOOL_ITERATION_LIMIT`. Default 25. */
  readonly toolIterationLimit?: number | undefined
  /** Spelling inside `toolCallMessages`: `tool_calls` or `toolCalls` (contract C3). Default `"snake"`. */
  readonly toolMessageCasing?: "snake" | "camel" | undefined
  /** Also sends what older servers sent: `runId`, `stepId` on `step_paused` (contract 16.1). Default false. */
  readonly legacyFields?: boolean | undefined
  readonly jobs?: Jobs | undefined
  /**
   * Serves `/_emulator`, which needs no key. Default: when `host` is a loopback address, and then only to requests
   * that name a loopback host.
   */
  readonly control?: boolean | undefined
  readonly limits?: Limits | undefined
  /** The client configuration that the layer provides, beside key and base URL. Default: the client's defaults. */
  readonly config?: Omit<Config.Options, "apiKey" | "env" | "port" | "baseUrl"> | undefined
}

/**
 * Starts an emulator for the life of the scope. Its time is the `Clock` of the fiber that runs this.
 *
 * Fails with `EmulatorError`: the port is taken, a flow or the file is wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = serve

/**
 * An emulator and a client configuration that points at it.
 *
 * ```ts
 * program.pipe(
 *   Effect.provide(Noukai.layerServices),
 *   Effect.provide(Emulator.layer({ flows }))
 * )
 * ```
 *
 * Fails with `EmulatorError`: the port is taken, a flow or the file is wrong.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Emulator | NoukaiConfig, EmulatorError> =>
  Layer.scopedContext(
    Effect.gen(function*() {
      const emulator = yield* make(options)
      const config = yield* Config.make({ ...options.config, apiKey: emulator.apiKey, baseUrl: emulator.baseUrl }).pipe(
        Effect.mapError((cause) => new EmulatorError({ reason: "Config", message: cause.message, cause }))
      )
      return Context.make(Emulator, emulator).pipe(Context.add(NoukaiConfig, config))
    })
  )
