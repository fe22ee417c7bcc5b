/**
 * One flow through a relay, without a key: for browsers. This module needs no Effect, so that it stays small in a page.
 *
 * @since 0.1.0
 */
import type { ExecuteResult, PausedResult } from "./ExecuteResult.js"
import type { CreateRelayFlowOptions, RelayExecuteOptions, RelayExecuteTransportOptions } from "./FlowOptions.js"
import { isRecord, jsonOrText } from "./internal/json.js"
import { fieldsOf, reading, takeOptions } from "./internal/options/reading.js"
import { relayInput, relayTarget } from "./internal/relay/relayOptions.js"
import { postJson, type RelayTarget } from "./internal/relay/relayRequest.js"
import { relayRun } from "./internal/relay/relayRun.js"
import { liveRuns } from "./internal/scope/liveRuns.js"

export type { ExecuteResult, PausedResult } from "./ExecuteResult.js"
export type {
  ChatMessage,
  CreateRelayFlowOptions,
  DurationText,
  RelayExecuteOptions,
  RelayExecuteTransportOptions
} from "./FlowOptions.js"
export {
  APIConnectionError,
  APITimeoutError,
  AuthenticationError,
  FlowExecutionError,
  FlowNotFoundError,
  InsufficientCreditsError,
  InvalidRequestError,
  NoukaiError,
  PermissionDeniedError,
  RateLimitError,
  ReplayMissError,
  ToolCallLimitError,
  UnexpectedResponseError
} from "./NoukaiError.js"
export type { ToolCall, ToolHandler, ToolHandlerContext } from "./Tool.js"

/**
 * The flow that a relay runs. A test may use any object with `execute` in its place.
 *
 * @since 0.1.0
 * @category models
 */
export interface RelayFlow {
  /**
   * Runs the flow and waits for its end, with the tools, results and errors of `flow.execute`. No request is retried.
   * `sent` of an `APIConnectionError` is `"unknown"` until a response begins: a run may exist and may be billed. An
   * error may have a code of the relay: `BODY_TOO_LARGE`, `FORBIDDEN`, `UPSTREAM_UNAVAILABLE`, ….
   *
   * Rejects with an `InvalidRequestError` before anything is sent if an option is wrong or unknown.
   */
  execute(options?: RelayExecuteOptions): Promise<ExecuteResult | PausedResult>
}

/**
 * The constructor of relay flows. Throws an `InvalidRequestError` for a wrong or unknown option.
 *
 * @since 0.1.0
 * @category constructors
 */
export const RelayFlow: new(options: CreateRelayFlowOptions) => RelayFlow = class RelayFlow {
  readonly #target: RelayTarget

  constructor(options: CreateRelayFlowOptions) {
    const operation = "createRelayFlow"
    this.#target = reading(operation, "options", () => relayTarget(operation, fieldsOf(operation, options)))
  }

  async execute(options?: RelayExecuteOptions): Promise<ExecuteResult | PausedResult> {
    const operation = "flow.execute"
    const { input, signal } = takeOptions(operation, options, (given) => relayInput(operation, given))
    const refused = liveRuns.refusal()
    if (refused !== undefined) throw refused
    const { message, messages, timeout = this.#target.timeout, ...call } = input
    return await relayRun({ ...call, target: { ...this.#target, timeout }, signal }, {
      message,
      messages,
      ...call.fields
    })
  }
}

/**
 * Creates a client of the flow behind your relay. It has no key, so it may run in a browser. Default of `timeout`: 300
 * seconds for each request; a number is in seconds.
 *
 * Throws an `InvalidRequestError` for a wrong or unknown option.
 *
 * @example
 * ```ts
 * import { createRelayFlow } from "@effect-noukai/promise/relay"
 *
 * const agent = createRelayFlow({ url: "/agent/execute", timeout: "30 seconds" })
 * const done = await agent.execute({ message: "Where is order A17?" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const createRelayFlow = (options: CreateRelayFlowOptions): RelayFlow => new RelayFlow(options)

/**
 * Sends the requests of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExecuteTransport {
  /** Sends one body of `/execute`. Resolves with the status and the JSON object of the response. */
  send(payload: Record<string, unknown>): Promise<{ status: number; body: Record<string, unknown> }>
}

/**
 * Sends single requests to a relay, for programs with their own tool loop.
 *
 * @since 0.1.0
 * @category models
 */
export interface RelayExecuteTransport extends ExecuteTransport {
  /**
   * Sends one POST. Resolves for any status. A body that is not a JSON object is `{}`. Rejects with an
   * `APIConnectionError` if `fetch` fails or the body breaks off, with an `APITimeoutError`, or with the reason of the
   * signal. Each request may start a run, and nothing is retried.
   */
  send(payload: Record<string, unknown>): Promise<{ status: number; body: Record<string, unknown> }>
}

/**
 * The constructor of transports. Throws an `InvalidRequestError` for a wrong or unknown option.
 *
 * @since 0.1.0
 * @category constructors
 */
export const RelayExecuteTransport: new(options: RelayExecuteTransportOptions) => RelayExecuteTransport =
  class RelayExecuteTransport {
    readonly #target: RelayTarget
    readonly #signal: AbortSignal | undefined

    constructor(given: RelayExecuteTransportOptions) {
      const operation = "new RelayExecuteTransport"
      const { input, signal } = takeOptions(
        operation,
        given,
        ({ signal: _, ...options }) => relayTarget(operation, options)
      )
      this.#target = input
      this.#signal = signal
    }

    async send(payload: Record<string, unknown>): Promise<{ status: number; body: Record<string, unknown> }> {
      const operation = "transport.send"
      const refused = liveRuns.refusal()
      if (refused !== undefined) throw refused
      const { status, text } = await postJson(operation, this.#target, payload, this.#signal)
      const body = jsonOrText(text)
      return { status, body: isRecord(body) ? { ...body } : {} }
    }
  }
