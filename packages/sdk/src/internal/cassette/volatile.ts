/** The values that differ between recordings of the same calls: ids, times, costs. */
import * as Predicate from "effect/Predicate"
import { formatPath, parsePath, type Path, putInto } from "../json/jsonPath.js"
import type { RecordedAnswer } from "./RecordedCassette.js"

/** Fields with values of the flow and its caller, in which nothing is replaced. */
export const payloads: ReadonlySet<string> = new Set([
  "result",
  "output",
  "outputData",
  "inputData",
  "data",
  "accumulatedOutputs",
  "toolCallMessages",
  "inputContext",
  "outputContext",
  "errorContext",
  "inputSnapshot",
  "outputSnapshot",
  "errorSnapshot",
  "function"
])

const measured: ReadonlySet<string> = new Set([
  "requestId",
  "durationMs",
  "waitingMs",
  "costUsd",
  "startedAt",
  "completedAt",
  "retryAfter"
])

const toolCallIds = (value: unknown): ReadonlyArray<unknown> => {
  if (Array.isArray(value)) return value.flatMap(toolCallIds)
  if (!Predicate.isRecord(value)) return []
  return [value.toolCalls, value.tool_calls].flatMap((calls) =>
    Array.isArray(calls) ? calls.map((call) => Predicate.isRecord(call) ? call.id : undefined) : []
  )
}

/** The ids that an answer introduces, in order. */
export const idsIn = (answer: RecordedAnswer): ReadonlyArray<string> => {
  const found: Array<unknown> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!Predicate.isRecord(value)) return
    found.push(value.executionId, value.runId)
    for (const id of toolCallIds(value)) found.push(id)
    for (const id of toolCallIds(value.toolCallMessages)) found.push(id)
    if (Predicate.isRecord(value.flowRun)) found.push(value.flowRun.id)
    if (Array.isArray(value.runs)) { for (const run of value.runs) if (Predicate.isRecord(run)) found.push(run.id) }
    for (const [key, item] of Object.entries(value)) if (!payloads.has(key)) visit(item)
  }
  visit(answer)
  return [...new Set(found.filter((id): id is string => typeof id === "string" && id !== ""))]
}

/** An answer without its measured values, and those values by their place. */
export const withoutMeasured = (
  answer: RecordedAnswer
): { readonly answer: unknown; readonly values: { readonly [path: string]: unknown } } => {
  const values: { [path: string]: unknown } = {}
  const strip = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => strip(item, [...path, index]))
    if (!Predicate.isRecord(value)) return value
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => {
        const place = [...path, key]
        if (measured.has(key) && !Predicate.isRecord(item)) {
          values[formatPath(place)] = item
          return []
        }
        return [[key, payloads.has(key) ? item : strip(item, place)]]
      })
    )
  }
  return { answer: strip(answer, []), values }
}

/** Puts measured values back into an answer, which is changed in place and so must not be shared. */
export const restoreMeasured = (answer: unknown, values: { readonly [path: string]: unknown } | undefined): void => {
  for (const [text, value] of Object.entries(values ?? {})) {
    const path = parsePath(text)
    if (path !== undefined) putInto(answer, path, value)
  }
}
