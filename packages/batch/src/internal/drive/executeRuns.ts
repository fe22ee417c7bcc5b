/**
 * Runs in requests that wait for them, for inputs that the queue does not take. A crash leaves a run whose result is
 * found again only where the server kept it.
 */
import {
  FlowService,
  isNoukaiError,
  type NoukaiError,
  RunService,
  SessionService,
  type Tools
} from "@effect-noukai/sdk"
import type { ExecuteOnceInput } from "@effect-noukai/sdk"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { BatchRecord } from "../ledger/batches.js"
import type { LiveRow } from "../ledger/rows.js"
import { lookUp, versionOf } from "./jobRuns.js"
import type { Settled } from "./running.js"
import type { Begun, Runs } from "./runRow.js"
import { rowError } from "./verdict.js"

const once = Schedule.stop

/** The key of an attempt among the runs of its flow. What it is made of must never change. */
const onceKey = (batch: string, { attempt, key }: LiveRow): string =>
  JSON.stringify(["noukai-batch", batch, key, attempt])

const idsOf = ({ executionId }: NoukaiError): ReadonlyArray<string> => executionId === undefined ? [] : [executionId]

const reported = (error: NoukaiError, kind: string, executionIds: ReadonlyArray<string>): Settled => ({
  state: "reported",
  error: { ...rowError(error, executionIds), kind },
  ...(executionIds.length === 1 && { executionId: executionIds[0]! })
})

/** The state that an error of the run itself leaves its row in; `undefined` for one of the request. */
const settledBy = (error: NoukaiError, hasTools: boolean): Settled | undefined => {
  switch (error._tag) {
    case "FlowExecutionError":
      // any other one is the answer to a request
      if (error.status !== "failed") return undefined
      break
    case "ToolCallLimitError":
      break
    case "UnexpectedResponseError":
      // it waits for tools that nobody has
      if (error.code !== "TOOL_CALLS_UNANSWERED_CLIENT") return undefined
      break
    case "ResultNotStoredError":
      return reported(error, "ResultNotStored", idsOf(error))
    case "RunInProgressError":
      // one that waits for tools of a process that is no more never ends
      if (!hasTools) return undefined
      return reported(error, "RunInProgress", idsOf(error))
    case "AmbiguousRunError":
      return reported(error, "AmbiguousRun", error.executionIds)
    default:
      return undefined
  }
  return {
    state: "failed",
    error: rowError(error),
    ...(error.executionId !== undefined && { executionId: error.executionId })
  }
}

/** A tool that throws leaves a run that waits for it, and was billed so far. The other rows have nothing to do with it. */
const broken = (defect: unknown): Settled => ({
  state: "reported",
  error: { kind: "Defect", message: defect instanceof Error ? defect.message : String(defect) }
})

/** Tools of every row of a batch, whose handlers need nothing and do not fail. Named by the public types. */
export type BatchTools = Tools.Handled<NoukaiError, never>

/** @internal */
export const make = (
  { flow, name, version }: BatchRecord,
  tools: BatchTools | undefined
): Effect.Effect<Runs, never, FlowService | RunService | SessionService> =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const sessions = yield* SessionService
    const costs = yield* RunService
    /** The sessions of rows, as their runs named them, until one was found. */
    const sessionIds = new Map<number, string>()
    let isFound = false

    const execute = (row: LiveRow): Effect.Effect<Begun, NoukaiError> =>
      flows.executeOnce(onceKey(name, row), flow, {
        ...JSON.parse(row.input) as ExecuteOnceInput,
        version: versionOf(version),
        retry: once,
        ...(tools !== undefined && { tools })
      }).pipe(
        Effect.map((done): Begun => {
          if (!isFound && done.sessionId !== undefined) sessionIds.set(row.id, done.sessionId)
          return {
            _tag: "ended",
            settled: {
              state: "done",
              result: done.result ?? null,
              adopted: done.reused,
              ...(done.executionId !== undefined && { executionId: done.executionId })
            }
          }
        }),
        Effect.catchAll((error) => {
          const settled = isNoukaiError(error) ? settledBy(error, tools !== undefined) : undefined
          return settled === undefined ? Effect.fail(error) : Effect.succeed<Begun>({ _tag: "ended", settled })
        }),
        Effect.catchAllDefect((defect) => Effect.succeed<Begun>({ _tag: "ended", settled: broken(defect) }))
      )

    return {
      looksByItself: true,
      begin: execute,
      look: (row) => {
        const sessionId = sessionIds.get(row.id)
        if (sessionId !== undefined) {
          sessionIds.delete(row.id)
          return lookUp(sessions, sessionId, ({ executionId }) => {
            isFound = true
            sessionIds.clear()
            return { _tag: "found", executionId }
          })
        }
        return Effect.succeed({ _tag: "absent" })
      },
      // its result comes with the answer to the request that begins it
      follow: () => Effect.succeed(Effect.succeed({ _tag: "running" })),
      cost: (executionId) =>
        Effect.map(costs.cost(flow, executionId), ({ costUsd, isKnown }) => isKnown ? costUsd : undefined)
    }
  })
