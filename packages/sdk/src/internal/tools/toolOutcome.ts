import type { Json, ToolCall, ToolOutcome } from "./tool.js"

const describe = (error: unknown): string =>
  error instanceof Error && error.message !== ""
    ? error.message
    : typeof error === "string" && error !== ""
    ? error
    : "the tool failed"

/** The result of a call from a handler's value; `undefined` is `null`. */
export const answered = (call: ToolCall, content: unknown): ToolOutcome => ({
  toolCallId: call.id,
  content: (content ?? null) as Json
})

/** The result of a call whose handler failed: the message, no stack. */
export const failed = (call: ToolCall, error: unknown): ToolOutcome => ({
  toolCallId: call.id,
  content: { error: describe(error) }
})

/** The result of a call that no handler could take. */
export const faulty = (call: ToolCall, fault: NonNullable<ToolOutcome["fault"]>, reason: string): ToolOutcome => ({
  toolCallId: call.id,
  content: { error: `${fault}: ${reason}` },
  fault
})

/** The result of a call of an unknown tool. */
export const unknownTool = (call: ToolCall, known: Iterable<string>): ToolOutcome =>
  faulty(call, "unknown tool", `${JSON.stringify(call.name)}; the tools are ${[...known].join(", ")}`)
