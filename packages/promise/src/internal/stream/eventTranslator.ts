/**
 * Translates events of the SDK. Each loop has its own instance, because some events repeat fields of earlier ones.
 */
import type * as FlowEvent from "@effect-noukai/sdk/FlowEvent"
import type { FlowCursor } from "../../StoredRun.js"
import type * as StreamEvent from "../../StreamEvent.js"
import { hide, said } from "../json.js"
import { wireCalls } from "../tools/toolHandling.js"

const fieldsOf = (error: unknown): Record<string, unknown> =>
  typeof error === "object" && error !== null
    ? error as Record<string, unknown>
    : { message: String(error) }

/** Keys of the wire that are hidden. */
const hidden: ReadonlySet<string> = new Set(["type", "eventType", "__proto__"])

/** Keys of the wire that events of this package declare. They are omitted if they are `null`. */
const named: ReadonlySet<string> = new Set([
  "executionId",
  "runId",
  "flowId",
  "stepCount",
  "stepId",
  "stepIndex",
  "nextStepIndex",
  "name",
  "inputData",
  "outputData",
  "output",
  "durationMs",
  "tokens",
  "costUsd",
  "error",
  "iterationsUsed",
  "toolCallMessages",
  "toolCalls",
  "accumulatedOutputs",
  "result",
  "summary"
])

/** Keys that only this package sets. */
const ours: ReadonlySet<string> = new Set(["outputFrom", "resultFrom", "resume", "cursor"])

/** Adds the fields that the types do not declare. */
const withUnknown = <A extends object>(out: A, { raw }: FlowEvent.RawEvent): A => {
  if (raw === undefined) return out
  const received = raw as { readonly [key: string]: unknown }
  const fields = out as { [key: string]: unknown }
  for (const key of Object.keys(received)) {
    if (hidden.has(key) || ours.has(key) || Object.hasOwn(fields, key)) continue
    if (received[key] !== null || !named.has(key)) fields[key] = received[key]
  }
  return out
}

/** Adds the place of the run, which is built when it is read. */
const atCursor = (out: object, event: { readonly cursor: FlowCursor }): void => {
  Object.defineProperty(out, "cursor", { get: () => event.cursor, enumerable: false })
}

type OnPause = (event: FlowEvent.ToolCallsRequired) => StreamEvent.ToolCallsRequired["resume"]

export class EventTranslator {
  private executionId: string | undefined
  private started: string | undefined
  private completed: string | undefined

  /** Translates a completed step of `steps`. */
  readonly step = (event: FlowEvent.StepCompleted): StreamEvent.StepCompleted =>
    withUnknown(this.stepCompleted(event), event)

  /** Translates an event. Returns `undefined` for an unknown event. */
  readonly event = (
    event: FlowEvent.FlowEvent,
    pause: OnPause
  ): StreamEvent.StreamEvent | undefined => {
    const out = this.fieldsOf(event, pause)
    if (out === undefined) return undefined
    if ("cursor" in event) atCursor(out, event)
    return withUnknown(out, event)
  }

  private fieldsOf(
    event: FlowEvent.FlowEvent,
    pause: OnPause
  ): StreamEvent.StreamEvent | undefined {
    switch (event.type) {
      case "run_started":
        return this.runStarted(event)
      case "step_started": {
        const { name, stepId, stepIndex, type } = event
        this.started = stepId
        return name === undefined ? { type, stepId, stepIndex } : { type, stepId, name, stepIndex }
      }
      case "step_input": {
        const { inputData, stepId, type } = event
        return inputData === undefined || inputData === null
          ? { type, stepId }
          : { type, stepId, inputData: inputData as Record<string, unknown> }
      }
      case "step_output":
        return "outputData" in event
          ? { type: event.type, stepId: event.stepId, outputData: event.outputData }
          : { type: event.type, stepId: event.stepId }
      case "step_completed":
        return this.stepCompleted(event)
      case "step_error": {
        const { error, name, stepId, type } = event
        return {
          type,
          stepId,
          ...said({ name }),
          ...(error === undefined || error === null ? undefined : { error: fieldsOf(error) })
        }
      }
      case "step_paused":
        return { type: event.type, stepId: this.completed ?? "", stepIndex: event.stepIndex }
      case "tool_calls_required":
        return this.toolCallsRequired(event, pause)
      case "flow_completed": {
        const executionId = event.executionId ?? this.executionId
        return {
          type: event.type,
          ...said({ runId: event.runId ?? executionId, executionId, summary: event.summary }),
          ...("result" in event ? { result: event.result } : undefined),
          ...(event.resultFrom === "last_step" ? { resultFrom: event.resultFrom } : undefined)
        }
      }
      case "unknown":
        return undefined
    }
  }

  private runStarted(event: FlowEvent.RunStarted): StreamEvent.RunStarted {
    this.executionId = event.executionId
    const { executionId, flowId, runId, stepCount, type } = event
    return { type, runId: runId ?? executionId, executionId, ...said({ flowId, stepCount }) }
  }

  private stepCompleted(event: FlowEvent.StepCompleted): StreamEvent.StepCompleted {
    this.completed = event.stepId
    const out: StreamEvent.StepCompleted = {
      type: event.type,
      stepId: event.stepId,
      stepIndex: event.stepIndex
    }
    if ("output" in event) out.output = event.output
    if (event.outputFrom === "step_output") out.outputFrom = event.outputFrom
    if (event.name !== undefined) out.name = event.name
    if (event.durationMs !== undefined) out.durationMs = event.durationMs
    if (event.tokens !== undefined) out.tokens = event.tokens
    if (event.costUsd !== undefined) out.costUsd = event.costUsd
    return out
  }

  private toolCallsRequired(
    event: FlowEvent.ToolCallsRequired,
    pause: OnPause
  ): StreamEvent.ToolCallsRequired {
    const { outputs, pending } = event.cursor
    const fields: Omit<StreamEvent.ToolCallsRequired, "resume" | "cursor"> = {
      type: event.type,
      runId: event.executionId,
      executionId: event.executionId,
      stepId: event.stepId ?? this.started ?? "",
      stepIndex: event.stepIndex,
      iterationsUsed: pending?.iterationsUsed ?? 0,
      toolCallMessages: (pending?.toolCallMessages ?? []) as Array<Record<string, unknown>>,
      toolCalls: wireCalls(event.toolCalls),
      accumulatedOutputs: outputs
    }
    return hide(fields, "resume", pause(event))
  }
}
