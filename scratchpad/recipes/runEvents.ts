import type { CallError, FlowEvent } from "@effect-noukai/sdk"
import { Option, Schema } from "effect"

/** What a page gets to see of a run; the last one is `done` or `failed`. */
export const RunEvent = Schema.Union(
  Schema.Struct({ type: Schema.Literal("started"), executionId: Schema.String }),
  Schema.Struct({ type: Schema.Literal("step"), index: Schema.Number, name: Schema.optional(Schema.String) }),
  Schema.Struct({ type: Schema.Literal("output"), index: Schema.Number, output: Schema.optional(Schema.Unknown) }),
  Schema.Struct({ type: Schema.Literal("done"), result: Schema.Unknown }),
  Schema.Struct({ type: Schema.Literal("failed"), error: Schema.String, executionId: Schema.optional(Schema.String) })
)
export type RunEvent = typeof RunEvent.Type

/** A run event as one line of JSON. */
export const RunEventJson = Schema.parseJson(RunEvent)

/** An event of a flow as one of ours; a page has no use for the others. */
export const fromFlowEvent = (event: FlowEvent.FlowEvent): Option.Option<RunEvent> => {
  switch (event.type) {
    case "run_started":
      return Option.some({ type: "started", executionId: event.executionId })
    case "step_started":
      return Option.some({ type: "step", index: event.stepIndex, name: event.name })
    case "step_completed":
      return Option.some({ type: "output", index: event.stepIndex, output: event.output })
    case "step_error":
      return Option.some({ type: "failed", error: event.code ?? "step_error" })
    case "flow_completed":
      return Option.some({ type: "done", result: event.result })
    default:
      return Option.none()
  }
}

/** Of an error the page gets the tag and the run; what it says is for the log. */
export const fromError = ({ _tag, executionId }: CallError): RunEvent => ({
  type: "failed",
  error: _tag,
  executionId
})
