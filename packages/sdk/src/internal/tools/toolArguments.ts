/** The arguments that a model gives to a tool: as JSON, and decoded by the parameters of the tool. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { canonicalText, maxDepth, nestsTooDeep } from "../json/jsonText.js"
import { issueText } from "../schema/mismatch.js"
import { readEffect } from "../schema/schemaReader.js"
import type { ToolCall } from "./tool.js"

/** The arguments of a call as a value; a string is the reason why they are none. An empty text means no arguments. */
export const parseArguments = (call: ToolCall): { readonly value: unknown } | string => {
  if (call.arguments.trim() === "") return { value: {} }
  try {
    const value: unknown = JSON.parse(call.arguments)
    return nestsTooDeep(value) ? `the arguments nest deeper than ${maxDepth} levels` : { value }
  } catch {
    return "the arguments are not JSON"
  }
}

/** Decodes the arguments of calls by the parameters of their tool. The error is the reason that the model is told. */
export const argumentsDecoder = <A, I>(
  parameters: Schema.Schema<A, I>
): (call: ToolCall) => Effect.Effect<A, string> => {
  const decode = readEffect(parameters)
  return (call) => {
    const args = parseArguments(call)
    return typeof args === "string" ? Effect.fail(args) : Effect.mapError(decode(args.value), issueText)
  }
}

const comparable = (call: ToolCall): string => {
  const parsed = parseArguments(call)
  return typeof parsed === "string" ? call.arguments : canonicalText(parsed.value)
}

/** Whether two calls ask for the same: one tool, with equal arguments. */
export const isSameCall = (a: ToolCall, b: ToolCall): boolean => a.name === b.name && comparable(a) === comparable(b)
