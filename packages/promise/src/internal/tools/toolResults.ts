/** Translates the results of tools. Needs no Effect. */
import { checkResults, inOrderOf, maxResults } from "@effect-noukai/sdk/kit/pauses"
import type { ToolResult } from "@effect-noukai/sdk/Tools"
import { isRecord } from "../json.js"
import { fieldsOf, reading, refusal } from "../options/reading.js"

const resultOf = (given: unknown): ToolResult => {
  // the SDK tells an entry that is not a result from one of another call
  if (!isRecord(given) || typeof given.then === "function") return given as ToolResult
  const id = given.tool_call_id ?? given.toolCallId
  return {
    toolCallId: typeof id === "string" ? id : "",
    // without either name a result would answer with `null`, as one whose content is misspelt
    content: ("content" in given || "output" in given
      ? given.content ?? given.output ?? null
      : undefined) as ToolResult["content"]
  }
}

/** Translates results. Returns any other value, and one that cannot be read, as it is: {@link checkResults} refuses it. */
export const resultsOf = (results: unknown): ReadonlyArray<ToolResult> => {
  try {
    return Array.isArray(results) && results.length <= maxResults
      ? Array.from(results, resultOf)
      : results as ReadonlyArray<ToolResult>
  } catch {
    return results as ReadonlyArray<ToolResult>
  }
}

/** Returns the results that answer a pause. Throws a refusal of an option. `null` and `undefined` count as absent. */
export const answerOf = (
  operation: string,
  answer: { readonly toolResults: unknown },
  executionId: string
): ReadonlyArray<ToolResult> =>
  reading(operation, "toolResults", () => {
    const { toolResults, ...others } = fieldsOf(operation, answer)
    const [option] = Object.entries(others).find(([, value]) => value !== undefined && value !== null) ?? []
    if (option !== undefined) {
      const reason = "is not an option of resume: it takes toolResults, and the options of the first call apply"
      throw refusal(operation, option, reason, { executionId })
    }
    if (Array.isArray(toolResults) && toolResults.length <= maxResults) return toolResults.map(resultOf)
    throw refusal(operation, "toolResults", "must be a list with one result per tool call", { executionId })
  })

/**
 * Returns results that answer each call once with JSON, in the order of the calls. Throws a refusal for any others.
 *
 * @param nameOf the name of a content, from its place and the id of its call; default: the place
 */
export const checkedResults = (
  operation: string,
  calls: ReadonlyArray<{ readonly id: string }>,
  results: ReadonlyArray<ToolResult>,
  executionId: string,
  nameOf?: (place: string, toolCallId: string) => string
): ReadonlyArray<ToolResult> => {
  const found = checkResults(calls, results, nameOf)
  if (found !== undefined) {
    throw refusal(operation, found.field.replace(/^results/, "toolResults"), found.reason, { executionId })
  }
  return inOrderOf(calls, results)
}

/** Returns the results that answer the calls of a pause. Throws a refusal for any others. */
export const checkedAnswer = (
  operation: string,
  answer: { readonly toolResults: unknown },
  calls: ReadonlyArray<{ readonly id: string }>,
  executionId: string
): ReadonlyArray<ToolResult> => checkedResults(operation, calls, answerOf(operation, answer, executionId), executionId)
