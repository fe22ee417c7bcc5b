/** Translates the results of tools. Needs no Effect. */
import { checkJson } from "@effect-noukai/sdk/internal/jsonProblem"
import { checkResults, inOrderOf } from "@effect-noukai/sdk/internal/pauses"
import type { ToolResult } from "@effect-noukai/sdk/Tools"
import { fieldsOf, reading, refusal } from "../options/reading.js"

const resultOf = (given: { readonly [key: string]: unknown }): ToolResult => {
  const id = given.tool_call_id ?? given.toolCallId
  return {
    toolCallId: typeof id === "string" ? id : "",
    content: (given.content ?? given.output ?? null) as ToolResult["content"]
  }
}

/** The longest list that is translated. No pause has more calls. */
const maxResults = 10_000

/** Translates results. Returns `undefined` for a value that is not a list. */
export const resultsOf = (results: unknown): ReadonlyArray<ToolResult> | undefined =>
  Array.isArray(results) && results.length <= maxResults
    ? results.map((result: unknown) => resultOf(Object(result) as { readonly [key: string]: unknown }))
    : undefined

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
    const results = resultsOf(toolResults)
    if (results !== undefined) return results
    throw refusal(operation, "toolResults", "must be a list with one result per tool call", { executionId })
  })

/** The name of the content of a result in a refusal, from its place. */
type ContentName = (place: string, toolCallId: string) => string

/**
 * Returns results that answer each call once with JSON, in the order of the calls. Throws a refusal for any others.
 *
 * @param nameOf Default: the place of the result in the list.
 */
export const checkedResults = (
  operation: string,
  calls: ReadonlyArray<{ readonly id: string }>,
  results: ReadonlyArray<ToolResult> | undefined,
  executionId: string,
  nameOf: ContentName = (place) => place
): ReadonlyArray<ToolResult> => {
  const found = checkResults(calls, results, (place, content, id) => checkJson(nameOf(place, id), content))
  if (found !== undefined) throw refusal(operation, found.field, found.reason, { executionId })
  return inOrderOf(calls, results ?? [])
}

/** Returns the results that answer the calls of a pause. Throws a refusal for any others. */
export const checkedAnswer = (
  operation: string,
  answer: { readonly toolResults: unknown },
  calls: ReadonlyArray<{ readonly id: string }>,
  executionId: string
): ReadonlyArray<ToolResult> => checkedResults(operation, calls, answerOf(operation, answer, executionId), executionId)
