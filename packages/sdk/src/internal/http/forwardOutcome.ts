/** The outcome of a run, read from a response that is passed on as it is. */
import * as Predicate from "effect/Predicate"
import type { ForwardResponse } from "../operations/requests.js"
import type { RunOutcome } from "../telemetry/spans.js"
import { fromStatus } from "./statusError.js"

/** The outcomes in the metrics, by the status of a run on the wire. */
const outcomes: ReadonlyMap<unknown, string> = new Map([
  ["completed", "completed"],
  ["failed", "failed"],
  ["tool_calls_required", "paused"]
])

export interface ForwardOutcome extends RunOutcome {
  readonly response: ForwardResponse
  /** The outcome in the metrics. */
  readonly outcome: string
}

const unreadable = "UnexpectedResponseError"

const fieldsOf = (text: string): { readonly executionId?: unknown; readonly status?: unknown } => {
  try {
    const json: unknown = JSON.parse(text)
    return Predicate.isRecord(json) ? json : {}
  } catch {
    return {}
  }
}

export const of = (method: string, response: ForwardResponse): ForwardOutcome => {
  const { status: httpStatus, text } = response
  if (httpStatus < 200 || httpStatus > 299) {
    const facts = { method, flow: undefined, isPost: true, executionId: undefined, scrub: (text: string) => text }
    const { _tag, executionId } = fromStatus(facts, { status: httpStatus, header: () => undefined }, text, 0)
    return { response, outcome: _tag, httpStatus, executionId }
  }
  const { executionId, status } = fieldsOf(text)
  const outcome = outcomes.get(status)
  return {
    response,
    outcome: outcome ?? unreadable,
    httpStatus,
    executionId: typeof executionId === "string" ? executionId : undefined,
    status: outcome === undefined ? undefined : String(status)
  }
}
