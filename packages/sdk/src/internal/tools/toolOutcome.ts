import { maxDepth, nestsTooDeep } from "../json/jsonText.js"
import type { Json, ToolCall, ToolOutcome } from "./tool.js"

const describe = (error: unknown): string =>
  error instanceof Error && error.message !== ""
    ? error.message
    : typeof error === "string" && error !== ""
    ? error
    : "the tool failed"

/**
 * What the model is told of a handler's value; nothing is `null`.
 *
 * @internal
 */
export const answered = (call: ToolCall, content: unknown): ToolOutcome => ({
  toolCallId: call.id,
  content: (content ?? null) as Json
})

/**
 * What the model is told about a failure of a handler: its message, no stack.
 *
 * @internal
 */
export const failed = (call: ToolCall, error: unknown): ToolOutcome => ({
  toolCallId: call.id,
  content: { error: describe(error) }
})

/**
 * What the model is told about a call that no handler could take.
 *
 * @internal
 */
export const faulty = (call: ToolCall, fault: NonNullable<ToolOutcome["fault"]>, reason: string): ToolOutcome => ({
  toolCallId: call.id,
  content: { error: `${fault}: ${reason}` },
  fault
})

/**
 * What the model is told about a call of a tool that there is not.
 *
 * @internal
 */
export const unknownTool = (call: ToolCall, known: Iterable<string>): ToolOutcome =>
  faulty(call, "unknown tool", `${JSON.stringify(call.name)}; the tools are ${[...known].join(", ")}`)

/**
 * Arguments of a call as a value; a string says why they are none. No text at all means no arguments.
 *
 * @internal
 */
export const parseArguments = (call: ToolCall): { readonly value: unknown } | string => {
  if (call.arguments.trim() === "") return { value: {} }
  try {
    const value: unknown = JSON.parse(call.arguments)
    return nestsTooDeep(value) ? `the arguments nest deeper than ${maxDepth} levels` : { value }
  } catch {
    return "the arguments are not JSON"
  }
}
