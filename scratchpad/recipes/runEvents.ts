import { FlowEvent, type NoukaiError } from "@effect-noukai/sdk"
import { Schema } from "effect"

/** Where a run ends without an event of its own: the tag of the error, and the run if there is one. */
const Failed = Schema.Struct({
  type: Schema.Literal("failed"),
  error: Schema.String,
  executionId: Schema.optional(Schema.String)
})

/** An event of a run, as a page gets to see it. */
export const RunEvent = Schema.Union(FlowEvent.RunEventJson, Failed)
export type RunEvent = typeof RunEvent.Type

/** A run event as one line of JSON. */
export const RunEventLine = Schema.parseJson(RunEvent)

/** The message of an error is for the log. */
export const fromError = ({ _tag, executionId }: NoukaiError): RunEvent => ({
  type: "failed",
  error: _tag,
  executionId
})

export const isLast = (event: RunEvent): boolean => event.type === "failed" || FlowEvent.isTerminal(event)
