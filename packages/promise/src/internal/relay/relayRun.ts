/** One run through a relay: its requests, its tool rounds and its results. */
import { type ErrorResponse, keepBody, readErrorResponse } from "@effect-noukai/sdk/ErrorResponse"
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
    isRetryable: statusCode === 429 && !answered && (executionId !== undefined || !namesRun),
    ...(_tag === "RateLimitError" ? { retryAfter } : undefined),
    ...(_tag === "AuthenticationError" ? { wwwAuthenticate } : undefined)
  })
}

const textOf = (u: unknown): string | undefined => typeof u === "string" && u !== "" ? u : undefined

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
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

/** The fields of a pause that later requests repeat. */
type Pause = Pick<
  PausedResult,
  "executionId" | "pausedAtStep" | "iterationsUsed" | "toolCallMessages" | "toolCalls" | "accumulatedOutputs"
>

const toolCallOf = (call: unknown): ToolCall | undefined => {
  if (!isRecord(call) || typeof call.id !== "string" || !isRecord(call.function)) return undefined
  const { arguments: args = {}, name } = call.function
  if (typeof name !== "string") return undefined
  const text = typeof args === "string" ? args : JSON.stringify(args)
  return { ...call, id: call.id, type: "function", function: { ...call.function, name, arguments: text } }
}

/** Returns the calls of a list, or none if one of them cannot be read. */
const readCalls = (list: unknown): ToolCall[] => {
  const calls = Array.isArray(list) ? list.map(toolCallOf) : []
  const read = calls.filter((call) => call !== undefined)
  return read.length === calls.length ? read : []
}

const lastAssistant = (messages: ReadonlyArray<unknown>): Json | undefined =>
  messages.findLast((message): message is Json => isRecord(message) && message.role === "assistant")

const pauseOf = ({ hasTools }: RelayCall, response: RunResponse): Pause => {
  const { executionId, json } = response
  const unanswered = (reason: string) => response.unexpected(reason, { code: "TOOL_CALLS_UNANSWERED_CLIENT" })
  if (!hasTools) throw unanswered("the run is paused for tool calls; this call has no tools")
  if (executionId === undefined) throw unanswered("the run paused for tool calls without an executionId")
  const toolCallMessages = json.toolCallMessages as PausedResult["toolCallMessages"]
  const { accumulatedOutputs, iterationsUsed } = json
  const named = readCalls(json.toolCalls)
  const assistant = lastAssistant(toolCallMessages)
  const toolCalls = named.length > 0 ? named : readCalls(assistant?.tool_calls ?? assistant?.toolCalls)
  if (toolCalls.length === 0) throw unanswered("the run paused for tool calls and names none")
  return {
    executionId,
    pausedAtStep: String(json.pausedAtStep),
    iterationsUsed: typeof iterationsUsed === "number" ? iterationsUsed : 0,
    toolCallMessages,
    toolCalls,
    accumulatedOutputs: isRecord(accumulatedOutputs) ? accumulatedOutputs : {}
  }
}

/** Returns the content of each call by its id, as JSON text. */
const contentsOf = (results: ReadonlyArray<ToolResult>): Map<string, string> =>
  new Map(
    results.map(({ content, toolCallId }) => [
      toolCallId,
      typeof content === "string" ? content : JSON.stringify(content)
    ])
  )

/** The body that answers a pause, in the casing of its messages. */
const resumeBody = (pause: Pause, contents: Map<string, string>): Json => {
  const { accumulatedOutputs, executionId, iterationsUsed, pausedAtStep, toolCallMessages, toolCalls } = pause
  const assistant = lastAssistant(toolCallMessages)
  const isCamel = assistant !== undefined && "toolCalls" in assistant && !("tool_calls" in assistant)
  const answered = [...new Set(toolCalls.map(({ id }) => id))].map((id) => ({
    role: "tool",
    [isCamel ? "toolCallId" : "tool_call_id"]: id,
    content: contents.get(id)
  }))
  return {
    executionId,
    pausedAtStep,
    iterationsUsed,
    toolCallMessages: [...toolCallMessages, ...answered],
    accumulatedOutputs
  }
}

/** Runs the handler once for each new call. Calls and their answers are kept by id. */
class Answers {
  private readonly calls = new Map<string, string>()
  private readonly contents = new Map<string, string>()

  constructor(private readonly handler: ToolHandler, private readonly signal: AbortSignal | undefined) {}

  async to({ executionId, toolCalls }: Pause, response: RunResponse): Promise<Map<string, string>> {
    const fresh: Array<ToolCall> = []
    for (const call of toolCalls) {
      const text = JSON.stringify([call.function.name, call.function.arguments])
      const known = this.calls.get(call.id)
      if (known === undefined) fresh.push(call)
      else if (known !== text) {
        throw response.unexpected(`the id of a tool call, ${JSON.stringify(call.id)}, names two different calls`)
      }
      this.calls.set(call.id, text)
    }
    if (fresh.length === 0) return this.contents
    const context = { signal: this.signal ?? new AbortController().signal }
    const results = await untilAborted(this.signal, async () => await this.handler(fresh, context))
    const nameOf = (_: number, id: string) => `tools.${fresh.find((call) => call.id === id)?.function.name}.result`
    const checked = checkedResults(operation, fresh, resultsOf(results), executionId, nameOf)
    for (const [id, content] of contentsOf(checked)) this.contents.set(id, content)
    return this.contents
  }
}

const pausedResult = (call: RelayCall, { json }: RunResponse, pause: Pause): PausedResult => {
  const fields = { ...json, ...pause, status: "tool_calls_required" } as Omit<
    PausedResult,
    "requiresToolCalls" | "resume"
  >
  const resume: PausedResult["resume"] = async (answer) => {
    const results = checkedAnswer(operation, answer, pause.toolCalls, pause.executionId)
    const body = resumeBody(pause, contentsOf(results))
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
    const received = await postJson(operation, target, { ...next, ...fields }, signal, executionId)
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
    next = resumeBody(pause, await answers.to(pause, response))
  }
}
