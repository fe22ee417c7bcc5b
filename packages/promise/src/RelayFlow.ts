// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * One flow through a relay, without a key: for browsers.
 *
 * @since 0.1.0
 */
import { FlowService } from "@effect-noukai/sdk/FlowService"
import * as RelayHttp from "@effect-noukai/sdk/RelayHttp"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { ExecuteResult, PausedResult } from "./ExecuteResult.js"
import type { ExecuteOptions } from "./FlowOptions.js"
import { fetchInUse } from "./internal/client/fetchInUse.js"
import { Lifetime } from "./internal/client/lifetime.js"
import { signalsOf } from "./internal/client/signals.js"
import { valueOrThrow } from "./internal/errors/promiseError.js"
import { executeResult } from "./internal/execute/executeResult.js"
import { executeInput } from "./internal/execute/flowInput.js"
import { consoleLogger, logHook } from "./internal/logging.js"
import { refusal, takeOptions } from "./internal/options/reading.js"
import { inBudgetsOfNow } from "./internal/scope/budgets.js"
import type { LogEvent } from "./LogEvent.js"
import type { RateLimit } from "./NoukaiOptions.js"

/**
 * The options of a relay's flow.
 *
 * @since 0.1.0
 * @category options
 */
export interface RelayFlowOptions {
  /** The URL of the relay. In a page it may be relative: `/agent/execute`. */
  url: string
  /** Headers of every request, such as your login. `Content-Type` cannot be changed. Default: none. */
  headers?: Record<string, string> | undefined
  /** Milliseconds for each request. Default: 300,000. */
  timeout?: number | undefined
  /** The number of requests in flight. Further requests wait. Default: no limit. */
  maxConcurrency?: number | undefined
  /** The rate limit of requests. Further requests wait. A number is per second. Default: no limit. */
  rate?: number | RateLimit | undefined
  /** Ends every call in flight and refuses later calls. Default: none. */
  signal?: AbortSignal | undefined
  /** Called for every request. Errors that it throws are ignored. */
  onLog?: ((event: LogEvent) => void) | undefined
  /** Whether `onLog` gets bodies. Default: false. */
  logPayloads?: boolean | undefined
  /** An undici `Dispatcher` on Node, for proxies. Default: the flow's own connections. */
  dispatcher?: unknown
  /**
   * The function that sends requests; excludes `dispatcher`. With it, nothing is retried, and `sent` is `"unknown"`
   * until a response begins. Default: `globalThis.fetch` if it was replaced after this package was imported, else the
   * platform's best transport.
   */
  fetch?: typeof globalThis.fetch | undefined
}

/**
 * The options of a run through a relay: those of `execute` without `version` and `sessionId`, which the relay sets.
 *
 * @since 0.1.0
 * @category options
 */
export interface RelayExecuteOptions extends Omit<ExecuteOptions, "version" | "sessionId" | "maxCostUsd"> {}

/**
 * The flow that a relay runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface RelayFlow {
  /**
   * Runs the flow and waits for its end, with the tools, results and errors of `flow.execute`. An error may have a code
   * of the relay: `BODY_TOO_LARGE`, `FORBIDDEN`, `UPSTREAM_UNAVAILABLE`, ….
   */
  execute(options?: RelayExecuteOptions): Promise<ExecuteResult | PausedResult>
  /** Ends the calls in flight. Later calls reject. */
  close(): Promise<void>
  /** Calls `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

const operation = "createRelayFlow"

const openRelay = (options: Partial<RelayFlowOptions>): Lifetime<FlowService> => {
  const { dispatcher, headers, logPayloads, maxConcurrency, onLog, rate, timeout, url } = options
  if (url === undefined) throw refusal(operation, "url", "must be the URL of a relay")
  const given = fetchInUse(operation, options)
  const relayOptions: RelayHttp.Options = {
    url,
    flow: RelayHttp.pinned,
    headers,
    attemptTimeout: timeout,
    ...(given === undefined ? undefined : { maxRetries: 0 }),
    maxConcurrency,
    rate,
    log: logHook(onLog),
    logPayloads,
    dispatcher
  }
  const relay = given === undefined ? RelayHttp.layer(relayOptions) : RelayHttp.layerFetch(relayOptions, given.fetch)
  const runtime = ManagedRuntime.make(Layer.provideMerge(relay, consoleLogger))
  valueOrThrow(runtime.runSyncExit(given?.announce ?? Effect.void))
  return new Lifetime(runtime, () => runtime.dispose())
}

/** Applies a replay. A capture has no effect, because a relay sends no session id. */
const inReplayOfNow = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const scope = TraceScope.ambient()
  return scope?.http === undefined ? effect : TraceScope.within(scope)(effect)
}

/**
 * Creates a client of the flow behind your relay. It has no key, so it may run in a browser.
 *
 * Throws an `InvalidRequestError` for a wrong option.
 *
 * @example
 * ```ts
 * import { createRelayFlow } from "@effect-noukai/promise"
 *
 * const agent = createRelayFlow({ url: "/agent/execute" })
 * const done = await agent.execute({ message: "Where is order A17?" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const createRelayFlow = (options: RelayFlowOptions): RelayFlow => {
  const { input: lifetime, signal: ofRelay } = takeOptions(operation, options, openRelay)
  const close = () => lifetime.close()
  return {
    async execute(call) {
      const { input: { sessionId: _, version: __, ...input }, signal } = takeOptions("flow.execute", call, executeInput)
      const signals = signalsOf(signal, ofRelay)
      const execution = Effect.flatMap(FlowService, (flows) => flows.execute(RelayHttp.pinned, input))
      return await lifetime.run(
        inReplayOfNow(executeResult(inBudgetsOfNow()(execution), (resumed) => lifetime.run(resumed, signals))),
        signals
      )
    },
    close,
    [Symbol.asyncDispose]: close
  }
}
