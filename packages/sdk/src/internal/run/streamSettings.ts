import type * as Schedule from "effect/Schedule"
import type { FlowCursor } from "../../FlowCursor.js"
import type { NoukaiError } from "../../NoukaiError.js"
import type { FlowAddress, FlowRef, FlowVersion } from "../flow/flow.js"
import type { HttpService } from "../operations/operations.js"
import type { ExecuteBody, StepBody } from "../operations/runRequests.js"
import type { StreamOptions } from "../options/callOptions.js"
import type { AnswerStrategy } from "../tools/toolAnswering.js"
import type { CallProgress } from "./callProgress.js"
import type { StreamCursor } from "./streamCursor.js"

/** The fields that every request of a run carries as they were given. */
export type EveryRequest = Pick<
  StepBody,
  "inputOverrides" | "blockOverrides" | "runRemaining" | "tools" | "toolChoice" | "trace"
>

/**
 * The body of the request for the next step of a run.
 *
 * @see contract 7.1
 */
export const stepBody = (cursor: StreamCursor, everyRequest: EveryRequest): StepBody => {
  const { again, stepToRun } = cursor
  const pending = again ? cursor.answered : cursor.pending
  const fresh = stepToRun === 0 && pending === undefined
  return {
    executionId: cursor.executionId,
    stepIndex: stepToRun,
    accumulatedOutputs: stepToRun === 0 && again ? {} : cursor.outputs(again ? cursor.lastStepId : undefined),
    message: fresh ? cursor.first?.message : undefined,
    parameters: (fresh ? cursor.first?.parameters : undefined) ?? {},
    attachments: fresh ? cursor.first?.attachments : undefined,
    ...everyRequest,
    toolCallMessages: pending?.toolCallMessages,
    iterationsUsed: pending?.iterationsUsed ?? 0
  }
}

/** Whether a request with this body can be made: only a first one does without the id of a run. */
export const isAddressed = (body: StepBody): boolean =>
  body.executionId !== undefined || (body.stepIndex === 0 && body.toolCallMessages === undefined)

/** The constants of a run, from its first request to its last. */
export interface FlowCall<E, R> {
  readonly http: HttpService
  readonly method: string
  readonly flow: FlowRef<never>
  readonly address: FlowAddress
  readonly addressText: string
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  readonly answering: AnswerStrategy<E, R>
  /** The limit of what the run may cost, in US dollars. */
  readonly maxCostUsd: number | string | undefined
}

/** The constants of a streamed run. */
export interface StreamSettings<E, R> extends FlowCall<E, R> {
  readonly options: StreamOptions
  /** The delivered events: completed steps alone, or every event. */
  readonly only: "steps" | "events"
  readonly everyRequest: EveryRequest
  readonly heal: Schedule.Schedule<unknown, NoukaiError> | undefined
  /** The total timeout, in milliseconds. */
  readonly timeout: number | undefined
  /** The body of the `execute` that is walked. Absent: the events are for the caller. */
  readonly asExecute?: ExecuteBody | undefined
}

/** The origin of a walk. */
export interface Origin {
  readonly cursor: FlowCursor
  /** Whether `run_started` has been delivered. */
  readonly begun: boolean
  /** Whether the last step of the cursor's run may have completed. */
  readonly mayBeOver: boolean
  /** Whether the costs of the cursor's run are known to be within its limit. Default: false. */
  readonly isAfforded?: boolean
  /** The progress of the call that the walk is a part of. Default: its own. */
  readonly progress?: CallProgress
}
