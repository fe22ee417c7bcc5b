/**
 * A call through `NoukaiHttp`, as JSON.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import { format } from "../flow/address.js"
import type { FlowAddress, FlowVersion } from "../flow/flow.js"
import type { RequestContext } from "../input/callOptions.js"
import type { RecordedAnswer, RecordedOperation } from "./RecordedCassette.js"

/** The question of a call, by which its recording is found. @internal */
export interface Question {
  readonly endpoint: RecordedOperation
  readonly flow: string | undefined
  readonly version: string | undefined
  readonly input: unknown
}

/** @internal */
export interface Interaction extends Question {
  readonly answer: RecordedAnswer
  /** The times of `statuses`, in milliseconds. */
  readonly at: ReadonlyArray<number> | undefined
}

interface AnyRequest extends RequestContext {
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
 *
 * @internal
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

/**
 * The id of the run that a call goes on with, or asks about.
 *
 * @internal
 */
export const executionIdOf = ({ input }: Question): string | undefined => {
  const id = Predicate.isRecord(input) ? input.executionId : undefined
  return typeof id === "string" ? id : undefined
}
