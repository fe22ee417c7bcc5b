/** One run through a relay: its requests, its tool rounds and its results. */
import { type ErrorResponse, keepBody, readErrorResponse } from "@effect-noukai/sdk/ErrorResponse"
import * as Pauses from "@effect-noukai/sdk/kit/pauses"
import { parseJson } from "@effect-noukai/sdk/kit/plainJson"
import { isRepeatable } from "@effect-noukai/sdk/kit/repeatability"
import type { ToolResult } from "@effect-noukai/sdk/Tools"
import type { ExecuteResult, PausedResult } from "../../ExecuteResult.js"
import {
  AuthenticationError,
  FlowExecutionError,
  FlowNotFoundError,
  InsufficientCreditsError,
  type NoukaiError,
  type NoukaiErrorInit,
  PermissionDeniedError,
  RateLimitError,
  ToolCallLimitError,
  UnexpectedResponseError
} from "../../NoukaiError.js"
import type { ToolCall, ToolHandler } from "../../Tool.js"
import { hide, isRecord, type Json, jsonOrText } from "../json.js"
import { checkedAnswer, checkedResults, resultsOf } from "../tools/toolResults.js"
import { postJson, type RelayResponse, type RelayTarget, untilAborted } from "./relayRequest.js"

/** One call of `execute`, or of `resume`. */
export interface RelayCall {
  readonly target: RelayTarget
  readonly signal: AbortSignal | undefined
  /** The fields that every request of the run has. */
  readonly fields: Json
  /** Whether pauses can be answered, by the handler or by the caller. */
  readonly hasTools: boolean
  readonly toolHandler?: ToolHandler | undefined
  readonly maxToolRounds?: number | undefined
}

const operation = "flow.execute"

const errors = {
  AuthenticationError,
  FlowExecutionError,
  FlowNotFoundError,
  InsufficientCreditsError,
  PermissionDeniedError,
  RateLimitError
} satisfies { readonly [Tag in ErrorResponse["_tag"]]: unknown }

/** Returns the error of a status outside 2xx. After a tool round, another call would start a second run. */
const statusError = (response: RelayResponse, executionId: string | undefined, answered: boolean): NoukaiError => {
  const read = readErrorResponse({ ...response, body: response.text }, response.at)
  const { _tag, code, detail, namesRun, requestId, responseBody, retryAfter, statusCode, wwwAuthenticate } = read
  return new errors[_tag](detail ?? `${operation}: the relay answered with status ${statusCode}`, {
    statusCode,
    code,
    executionId: executionId ?? read.executionId,
    requestId,
    responseBody: jsonOrText(responseBody),
    isRetryable: !answered && isRepeatable({ ...read, namesRun: namesRun && executionId === undefined }, true),
    ...(_tag === "RateLimitError" ? { retryAfter } : undefined),
    ...(_tag === "AuthenticationError" ? { wwwAuthenticate } : undefined)
  })
}

const textOf = (u: unknown): string | undefined => typeof u === "string" && u !== "" ? u : undefined

const parsed = (text: string): unknown => {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** Returns the reason why a body is not the state of a run. */
const problemOf = (text: string, json: unknown): string | undefined => {
  if (text.trim() === "") return "the body is empty"
  if (/^\s*</.test(text)) return "the body is HTML, not JSON"
  if (!isRecord(json)) return json === undefined ? "the body is not JSON" : "the body is not a JSON object"
  const { pausedAtStep, status, toolCallMessages } = json
  if (status === "completed" || status === "failed") return undefined
  if (typeof status !== "string") return "status is missing"
  if (status !== "tool_calls_required") return `unknown status ${JSON.stringify(status)}`
  if (typeof pausedAtStep !== "string") return "pausedAtStep must be a string"
  return Array.isArray(toolCallMessages) ? undefined : "toolCallMessages must be a list"
}

/** A response of status 2xx to a request of a run. */
class RunResponse {
  readonly json: Json
  /** The id of the run, if the request or the response names it. */
  readonly executionId: string | undefined
  private readonly requestId: string | undefined

  /** Throws an `UnexpectedResponseError` if the response is not the state of this run. */
  constructor({ header, status, text }: RelayResponse, known: string | undefined) {
    const json = parsed(text)
    this.json = isRecord(json) ? json : {}
    const named = textOf(this.json.executionId)
    this.executionId = known ?? named
    this.requestId = header("x-request-id")
    const problem = problemOf(text, json)
    if (problem !== undefined) {
      throw this.unexpected(problem, { statusCode: status, responseBody: jsonOrText(keepBody(text)) })
    }
    if (this.executionId !== named && named !== undefined) {
      throw this.unexpected(`the server answered for another run, ${named}`)
    }
  }

  unexpected(reason: string, more?: NoukaiErrorInit): UnexpectedResponseError {
    const { executionId, json: { result }, requestId } = this
    const message = `${operation}: unexpected response: ${reason}`
    return new UnexpectedResponseError(message, { reason, executionId, requestId, result, ...more })
  }
}

interface Pause extends Pauses.RepeatedPause {
  readonly toolCalls: ReadonlyArray<Pauses.ToolCall>
}

/** Returns a call in the form in which handlers and callers see it. */
const toolCallOf = ({ arguments: args, id, name, raw }: Pauses.ToolCall): ToolCall => {
  const sent = raw as { readonly function: object }
  return { ...sent, id, type: "function", function: { ...sent.function, name, arguments: args } }
}

const pauseOf = ({ hasTools }: RelayCall, response: RunResponse): Pause => {
  const { executionId, json } = response
  const unanswered = (reason: string) => response.unexpected(reason, { code: "TOOL_CALLS_UNANSWERED_CLIENT" })
  if (!hasTools) throw unanswered("the run is paused for tool calls; this call has no tools")
  if (executionId === undefined) throw unanswered("the run paused for tool calls without an executionId")
  const toolCallMessages = json.toolCallMessages as PausedResult["toolCallMessages"]
  const { accumulatedOutputs, iterationsUsed } = json
  const toolCalls = Pauses.callsOf(json.toolCalls, toolCallMessages)
  if (toolCalls.length === 0) throw unanswered("the run paused for tool calls and names none")
  return {
    executionId,
    pausedAtStep: String(json.pausedAtStep),
    iterationsUsed: typeof iterationsUsed === "number" ? iterationsUsed : 0,
    toolCallMessages,
    toolCalls,
    accumulatedOutputs: isRecord(accumulatedOutputs) ? accumulatedOutputs : {},
    digits: Pauses.digitsOfPause(json)
  }
}

/** Runs the handler once for each pause: one that comes again has the same answer. */
class Answers {
  private newest: { readonly key: string; readonly results: ReadonlyArray<ToolResult> } | undefined

  constructor(private readonly handler: ToolHandler, private readonly signal: AbortSignal | undefined) {}

  async to(pause: Pause, response: RunResponse): Promise<ReadonlyArray<ToolResult>> {
    const { accumulatedOutputs, iterationsUsed, pausedAtStep, toolCallMessages, toolCalls } = pause
    const key = Pauses.pauseKey([pausedAtStep, iterationsUsed, accumulatedOutputs, toolCallMessages], toolCalls)
    if (key !== undefined && key === this.newest?.key) return this.newest.results
    const asked = Pauses.distinctCalls(toolCalls)
    if (typeof asked === "string") throw response.unexpected(asked)
    const context = { signal: this.signal ?? new AbortController().signal }
    const given = await untilAborted(this.signal, async () => await this.handler(asked.map(toolCallOf), context))
    const nameOf = (_: string, id: string) => `tools.${asked.find((call) => call.id === id)?.name}.result`
    const results = checkedResults(operation, asked, resultsOf(given), pause.executionId, nameOf)
    if (key !== undefined) this.newest = { key, results }
    return results
  }
}

const pausedResult = (call: RelayCall, { json }: RunResponse, pause: Pause): PausedResult => {
  const { digits: _, toolCalls, ...repeated } = pause
  const shown = { ...repeated, toolCalls: toolCalls.map(toolCallOf) }
  const fields = { ...json, ...shown, status: "tool_calls_required" } as Omit<
    PausedResult,
    "requiresToolCalls" | "resume" | "state"
  >
  const resume: PausedResult["resume"] = async (answer) => {
    const results = checkedAnswer(operation, answer, toolCalls, pause.executionId)
    const body = Pauses.resumeBody(call.fields, pause, results)
    return await relayRun(call, body, pause.executionId)
  }
  return hide(hide(fields, "requiresToolCalls", true as const), "resume", resume)
}

const endedResult = ({ executionId, json }: RunResponse): ExecuteResult => {
  const fields = (executionId === undefined ? { ...json } : { ...json, executionId }) as Omit<
    ExecuteResult,
    "requiresToolCalls"
  >
  return hide(fields, "requiresToolCalls", false as const)
}

/** Sends a body of a run and follows the run to its end, or to a pause that the caller answers. */
export const relayRun = async (call: RelayCall, body: Json, known?: string): Promise<ExecuteResult | PausedResult> => {
  const { fields, maxToolRounds = 10, signal, target, toolHandler } = call
  const answers = toolHandler === undefined ? undefined : new Answers(toolHandler, signal)
  let executionId = known
  let next = body
  for (let round = 0;; round++) {
    const received = await postJson(operation, target, next, signal, executionId)
    if (received.status < 200 || received.status > 299) throw statusError(received, executionId, round > 0)
    const response = new RunResponse(received, executionId)
    if (response.json.status !== "tool_calls_required") return endedResult(response)
    const pause = pauseOf(call, response)
    executionId = pause.executionId
    if (answers === undefined) return pausedResult(call, response, pause)
    if (round >= maxToolRounds) {
      throw new ToolCallLimitError(
        `${operation}: the limit of tool rounds was reached: the handler has run ${round} times; raise maxToolRounds or change the flow`,
        { code: "TOOL_CALL_LIMIT_CLIENT", executionId }
      )
    }
    next = Pauses.resumeBody(fields, pause, await answers.to(pause, response))
  }
}
