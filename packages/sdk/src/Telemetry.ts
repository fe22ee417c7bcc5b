/**
 * The names of this package's spans, of their attributes, and of its metrics; and the log hook. Spans are opened only
 * when a tracer is installed.
 *
 * @since 0.1.0
 */

import { type EndpointSpans, endpointSpans } from "./internal/kit/endpoints.js"

const ownSpans = {
  events: "noukai.flow.events",
  steps: "noukai.flow.steps",
  step: "noukai.flow.step",
  jobWait: "noukai.job.wait",
  jobUpdates: "noukai.job.updates",
  run: "noukai.run",
  runCost: "noukai.run.cost",
  round: "noukai.agent.round",
  tool: "execute_tool"
} as const

/**
 * Names of spans. A request to an endpoint has the name of the endpoint here.
 *
 * @since 0.1.0
 * @category constants
 */
export const spanNames: typeof ownSpans & EndpointSpans = { ...ownSpans, ...endpointSpans }

/**
 * Keys of span attributes. Those of `gen_ai` are of the GenAI conventions of OpenTelemetry, which are in development:
 * `gen-ai-agent-spans.md` e8fc5751 and `gen-ai-spans.md` 9430220e of `open-telemetry/semantic-conventions-genai`.
 *
 * @since 0.1.0
 * @category constants
 */
export const attributeKeys = {
  org: "noukai.org",
  project: "noukai.project",
  slug: "noukai.flow.slug",
  version: "noukai.flow.version",
  executionId: "noukai.execution_id",
  status: "noukai.flow.status",
  sessionId: "session.id",
  httpStatus: "http.response.status_code",
  flowId: "noukai.flow.id",
  runCost: "noukai.run.cost_usd",
  runUnknownCosts: "noukai.run.unknown_costs",
  runWaiting: "noukai.run.waiting_ms",
  stepId: "noukai.step.id",
  stepAttempt: "noukai.step.attempt",
  stepLoopIndex: "noukai.step.loop_index",
  stepStatus: "noukai.step.status",
  stepDuration: "noukai.step.duration_ms",
  stepWaiting: "noukai.step.waiting_ms",
  stepCost: "noukai.step.cost_usd",
  stepInput: "noukai.step.input",
  stepOutput: "noukai.step.output",
  stepError: "noukai.step.error",
  roundIndex: "noukai.agent.round_index",
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port",
  operationName: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  agentName: "gen_ai.agent.name",
  agentId: "gen_ai.agent.id",
  agentVersion: "gen_ai.agent.version",
  conversationId: "gen_ai.conversation.id",
  model: "gen_ai.request.model",
  responseModel: "gen_ai.response.model",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  toolName: "gen_ai.tool.name",
  toolType: "gen_ai.tool.type",
  toolDescription: "gen_ai.tool.description",
  toolCallId: "gen_ai.tool.call.id",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
  /** Of metrics alone. */
  tokenType: "gen_ai.token.type",
  /** Of metrics alone. */
  tokenModality: "gen_ai.token.modality"
} as const

/**
 * The values of `gen_ai.operation.name` and `gen_ai.provider.name`.
 *
 * @internal
 */
export const genAi = { run: "invoke_agent", model: "chat", tool: ownSpans.tool, provider: "noukai" } as const

/**
 * Names of metrics, with their labels. The tags of `Effect.tagMetrics` are added.
 *
 * - `executions`, a counter by `operation` (`execute`, `events`, `steps`, `submit`, `forward`) and `outcome`:
 *   `completed`, `failed` (a failed step as an event of a stream, or in a response that a relay passed on), `paused`,
 *   `submitted`, `reused` (a run that was found under its key), `stopped` (a stream that was left early), `interrupted`, `handler_failed`, `defect`, or the `_tag` of
 *   the error, for a relay the error of the status. Replayed calls count too.
 * - `executionDuration`, a histogram of milliseconds by `operation`.
 * - `retries`, a counter by `reason`: `transient` or `throttled`.
 * - `retryTokens`, a gauge: the retry budget that is left of 500, of the client whose budget changed last.
 * - `openStreams`, a gauge: event streams that are open.
 * - `tokens`, a counter by `type` (`input`, `output`), and `cost`, a counter of USD: those of the completed steps of
 *   event streams, and of the executions of a client with `stepSpans`, whose traces are read. Other operations are not
 *   told. Steps of runs that fail count too.
 *
 * `executions`, `executionDuration`, `tokens` and `cost` also have the label `flow`, `org/project/slug`. A process labels
 * at most 100 flows, in the order of their first calls. All later flows share the label `other`.
 *
 * The others are of the GenAI conventions (`gen-ai-metrics.md` 72691735, `gen-ai-token-metrics.md` 27f82f09), and have
 * attributes of spans as labels:
 *
 * - `operationDuration`, a histogram of seconds: each execution but a `reused` one.
 * - `toolDuration`, a histogram of seconds: each call of a tool.
 * - `tokenUsage`, a histogram of the tokens of each completed step, by `gen_ai.token.type`; and `inputTokens` and
 *   `outputTokens`, counters of the same tokens.
 *
 * @since 0.1.0
 * @category constants
 */
export const metricNames = {
  executions: "noukai_executions",
  executionDuration: "noukai_execution_duration_ms",
  retries: "noukai_retries",
  retryTokens: "noukai_retry_tokens",
  openStreams: "noukai_open_streams",
  tokens: "noukai_tokens",
  cost: "noukai_cost_usd",
  operationDuration: "gen_ai.client.operation.duration",
  toolDuration: "gen_ai.execute_tool.duration",
  tokenUsage: "gen_ai.client.token.usage",
  inputTokens: "gen_ai.client.inference.usage.input_tokens",
  outputTokens: "gen_ai.client.inference.usage.output_tokens"
} as const

/**
 * The fields of every log event of one HTTP attempt.
 *
 * @since 0.1.0
 * @category models
 */
export interface AttemptInfo {
  readonly method: "GET" | "POST"
  /** The path relative to the base URL, with its `/seq` prefix. */
  readonly path: string
  /** The number of the attempt, from 0. */
  readonly attempt: number
  /** True for event streams, whose response bodies are never logged. */
  readonly streaming?: true
}

/**
 * An event of the log hook.
 *
 * - `request`: before each attempt.
 * - `response`: after each attempt's response, before it is mapped to an error.
 * - `retry`: before the wait that precedes the next attempt. `delay` is in milliseconds.
 * - `error`: an attempt ended without a usable response; `error` is the `_tag`.
 * - `scope_open`, `scope_close`: entering and leaving a `TraceScope`; always paired.
 *
 * @since 0.1.0
 * @category models
 */
export type LogEvent =
  | AttemptInfo & { readonly phase: "request"; readonly requestBody?: string }
  | AttemptInfo & {
    readonly phase: "response"
    readonly statusCode: number
    readonly requestId?: string
    readonly responseBody?: string
  }
  | AttemptInfo & {
    readonly phase: "retry"
    readonly delay: number
    readonly statusCode?: number
    readonly requestId?: string
  }
  | AttemptInfo & { readonly phase: "error"; readonly error: string; readonly message: string }
  | {
    readonly phase: "scope_open" | "scope_close"
    readonly mode: "capture" | "replay" | "session"
    readonly sessionId: string
  }

/**
 * A function that is called synchronously with every attempt, retry and scope: never with a header or the key, with a
 * body only if `logPayloads` is set. An exception of it is swallowed and reported once per
 * client as a warning, so that a hook never breaks a call.
 *
 * @example
 * ```ts
 * import type { LogHook } from "@effect-noukai/sdk/Telemetry"
 *
 * const log: LogHook = (event) => {
 *   if (event.phase === "retry") console.warn(`${event.path}: again in ${event.delay} ms`)
 * }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export type LogHook = (event: LogEvent) => void
