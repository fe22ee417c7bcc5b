/** A call through `NoukaiHttp`, as JSON. */
import * as Array from "effect/Array"
import * as Predicate from "effect/Predicate"
import type { RunOfSession } from "../operations/sessionRun.js"
import { type FlowAddress, type FlowVersion, format } from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"
import type { RecordedAnswer, RecordedError, RecordedOperation, RecordedValue } from "./RecordedCassette.js"

/** The question of a call, by which its recording is found. */
export interface Question {
  readonly endpoint: RecordedOperation
  readonly flow: string | undefined
  readonly version: string | undefined
  readonly input: unknown
}

export interface Interaction extends Question {
  readonly answer: RecordedAnswer
  /** The times of `statuses`, in milliseconds. Of a job that had not ended, also the time of the last poll. */
  readonly at: ReadonlyArray<number> | undefined
}

/** A run of a session, which answers every call of the run. */
export interface SessionRecording extends Question {
  readonly answer: { readonly run: RunOfSession }
  readonly at: undefined
}

/** A recorded call, or a run of a session. */
export type Recording = Interaction | SessionRecording

/** The parts of requests that recordings look at. */
export interface AnyRequest extends RequestContext {
  readonly sessionId?: string | undefined
  readonly flow?: FlowAddress
  readonly version?: FlowVersion
  readonly body?: unknown
}

/** Fields of a request that are not part of the question. */
const aside: ReadonlySet<string> = new Set(["method", "options", "progress", "flow", "version", "sessionId"])

const inputOf = (endpoint: RecordedOperation, request: AnyRequest): unknown =>
  request.body ?? Object.fromEntries(
    Object.entries(request).filter(([key, value]) =>
      value !== undefined && (!aside.has(key) || (endpoint === "session" && key === "sessionId"))
    )
  )

/**
 * The question of a request, or `undefined` if it is not JSON. The session of the run is left out: it is another one
 * each time.
 */
export const questionOf = (endpoint: RecordedOperation, request: AnyRequest): Question | undefined => {
  try {
    return {
      endpoint,
      flow: request.flow === undefined ? undefined : format(request.flow),
      version: request.version === undefined ? undefined : String(request.version),
      input: JSON.parse(JSON.stringify(inputOf(endpoint, request)))
    }
  } catch {
    return undefined
  }
}

/** The id of the run that a call goes on with, or asks about. */
export const executionIdOf = ({ input }: Question): string | undefined => {
  const id = Predicate.isRecord(input) ? input.executionId : undefined
  return typeof id === "string" ? id : undefined
}

/** The id of the run that a recorded call began, went on with, or asked about. */
export const runIdOf = (
  { answer, input }: { readonly answer: Recording["answer"]; readonly input: unknown }
): string | undefined => {
  if ("run" in answer) return answer.run.execution.executionId
  const values = "value" in answer ? [answer.value] : "events" in answer ? answer.events : []
  const id = [...values, input].map((value) => Predicate.isRecord(value) ? value.executionId : undefined)
    .find((found) => typeof found === "string" && found !== "")
  return typeof id === "string" ? id : undefined
}

/**
 * The group in which the call that begins a run is counted under `position`; `undefined` for a call that begins none.
 */
export const newRunsOf = (question: Question): string | undefined => {
  const { endpoint, flow } = question
  const begins = endpoint === "execute" || endpoint === "step" || endpoint === "submitJob"
  return begins && executionIdOf(question) === undefined ? `${endpoint} ${slugOf(flow)}` : undefined
}

export const slugOf = (flow: string | undefined): string => flow?.split("/").at(-1) ?? ""

const ended: ReadonlySet<unknown> = new Set(["completed", "failed", "cancelled"])

/** Whether the statuses of a job are all that there are: the last one is the end of the job, or an error. */
export const hasEnded = (statuses: ReadonlyArray<Status>): boolean => {
  const last = statuses.at(-1)
  return last === undefined || "error" in last || (Predicate.isRecord(last.value) && ended.has(last.value.status))
}

/** The answer to a poll. */
export type Status = RecordedValue | { readonly error: RecordedError }

interface AnswerMapping {
  readonly value: (value: unknown) => unknown
  readonly error: (error: RecordedError) => RecordedError
}

export const mapStatus = (status: Status, { error, value }: AnswerMapping): Status =>
  "error" in status ? { error: error(status.error) } : { ...status, value: value(status.value) }

/** An answer with its values, events and errors mapped. */
export const mapAnswer = (answer: RecordedAnswer, mapping: AnswerMapping): RecordedAnswer => {
  if ("statuses" in answer) return { statuses: Array.map(answer.statuses, (status) => mapStatus(status, mapping)) }
  if ("value" in answer || "error" in answer) return mapStatus(answer, mapping)
  if (!("events" in answer)) return answer
  const { end, events } = answer
  return {
    events: events.map(mapping.value),
    end: typeof end === "string" ? end : { error: mapping.error(end.error) }
  }
}
