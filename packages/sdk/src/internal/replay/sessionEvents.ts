import type { WireEvent } from "../../FlowEvent.js"
import { keepOriginal } from "../operations/rawEvent.js"
import { closedBy } from "../run/deliveredEvent.js"
import { isUnderWay, type RunOfSession } from "../sessions/sessionRun.js"

/**
 * The events of a run from one of its steps on, as far as they were recorded. A failed run ends with the failed step,
 * if it is known, and with `flow_completed`; one that did not end with the beginning of the step that was under way. No
 * server sent the events, so that they have no JSON behind them.
 */
export const eventsOf = (run: RunOfSession, from: number, isFirst: boolean): ReadonlyArray<WireEvent> => {
  const { completed, ending, execution: { executionId, flowId }, last } = run
  const stepCount = completed.length + (ending._tag === "failed" && ending.stepId !== undefined ? 1 : 0)
  const events: Array<WireEvent> = isFirst
    ? [{
      type: "run_started",
      executionId,
      runId: executionId,
      ...(flowId === undefined ? undefined : { flowId }),
      ...(ending._tag === "unfinished" ? undefined : { stepCount })
    }]
    : []
  for (const [index, { output, stepId }] of completed.slice(from).entries()) {
    events.push({ type: "step_started", stepId, stepIndex: index }, { type: "step_completed", stepId, output })
  }
  const stepIndex = Math.max(0, completed.length - from)
  if (ending._tag === "unfinished" && last !== undefined && isUnderWay(last)) {
    events.push({ type: "step_started", stepId: last.stepId, stepIndex })
  }
  if (ending._tag === "completed") {
    events.push({ type: "flow_completed", executionId, runId: executionId, result: ending.result })
  }
  if (ending._tag === "failed" && ending.stepId !== undefined) {
    const { error, stepId } = ending
    const closing = {
      type: "flow_completed",
      executionId,
      runId: executionId,
      result: null,
      summary: { failedAtStep: stepId }
    } as const
    const failed = {
      type: "step_error",
      stepId,
      ...(error === undefined || error === null ? undefined : { error })
    } as const
    events.push(
      { type: "step_started", stepId, stepIndex },
      closedBy(failed, closing),
      closing
    )
  }
  for (const event of events) keepOriginal(event, undefined)
  return events
}
