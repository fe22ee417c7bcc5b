/** The calls of the tools of a row, kept in the ledger before its run goes on with their results. */
import type { NoukaiError, Tools } from "@effect-noukai/sdk"
import { checkResults } from "@effect-noukai/sdk/kit/pauses"
import { digitsWithin, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowCall } from "../../BatchRow.js"
import type { Ledger } from "../ledger/ledger.js"
import { decodeCalls } from "../ledger/reading.js"
import * as Rows from "../ledger/rows.js"
import { insisting } from "./running.js"
import type { BeginResult } from "./runs.js"

const argumentsOf = (text: string): unknown => {
  try {
    return text.trim() === "" ? {} : parseJson(text)
  } catch {
    return text
  }
}

/** The calls of a round, with their results. */
const answered = (
  calls: ReadonlyArray<Tools.ToolCall>,
  results: ReadonlyArray<Tools.ToolOutcome>
): ReadonlyArray<RowCall> =>
  calls.map(({ arguments: text, id, name }) => {
    const outcome = results.find(({ toolCallId }) => toolCallId === id)
    return {
      id,
      tool: name,
      arguments: argumentsOf(text),
      ...(outcome !== undefined && { result: outcome.content }),
      ...(outcome?.fault !== undefined && { error: outcome.fault })
    }
  })

/** Calls, followed by those of a round. A round that another process had answered without sending its results is answered again. */
const followedBy = (calls: ReadonlyArray<RowCall>, round: ReadonlyArray<RowCall>): ReadonlyArray<RowCall> => {
  if (round.length === 0) return calls
  const last = calls.slice(-round.length)
  const isAgain = last.length > 0 && last.every(({ id }, index) => id === round[index]!.id)
  return [...isAgain ? calls.slice(0, -round.length) : calls, ...round]
}

/**
 * Runs a row with tools whose calls are kept. The calls are unknown if the run was found at the server and this ledger
 * has not sent the row before.
 */
export function keepingCalls<E>(
  ledger: Ledger,
  row: Rows.LiveRow,
  tools: Tools.ToolSet<NoukaiError, never>,
  begin: (tools: Tools.ToolSet<NoukaiError | BatchStoreError, never>) => Effect.Effect<BeginResult, E>
): Effect.Effect<BeginResult, BatchStoreError | E> {
  return Effect.gen(function*() {
    const stored = yield* insisting(Rows.callsOf(ledger, row.id))
    let calls = stored === undefined ? [] : decodeCalls(stored)
    let isFirst = true
    const outcome = yield* begin({
      ...tools,
      run: (asked, settings) =>
        Effect.tap(tools.run(asked, settings), (results) => {
          // the run refuses these results
          if (checkResults(asked, results) !== undefined) return Effect.void
          const round = answered(asked, results)
          calls = isFirst ? followedBy(calls, round) : [...calls, ...round]
          isFirst = false
          return insisting(Rows.keepCalls(ledger, row, stringifyJson(calls, digitsWithin(calls))))
        })
    })
    if (outcome._tag === "submitted") return outcome
    const isUnknown = outcome.isListed && row.state === "intent" && stored === undefined
    return {
      ...outcome,
      settled: { ...outcome.settled, calls: isUnknown ? Rows.unknownCalls : stringifyJson(calls, digitsWithin(calls)) }
    }
  })
}
