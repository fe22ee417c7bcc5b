/**
 * Runs in requests that wait for the result, for inputs that the queue does not accept. After a crash, a result is
 * found again only if the server stored it.
 */
import {
  type ExecuteOnceInput,
  FlowService,
  isNoukaiError,
  type NoukaiError,
  RunService,
  SessionService,
  type Tools
} from "@effect-noukai/sdk"
import type { OnceResult } from "@effect-noukai/sdk/Execution"
import { onceSession } from "@effect-noukai/sdk/FlowService"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { BatchRecord } from "../ledger/batches.js"
import type { Ledger } from "../ledger/ledger.js"
import { type LiveRow, runInput } from "../ledger/rows.js"
import { areAllGone, lookUp, measuring, targetOf, versionOf } from "./jobRuns.js"
import { keepingCalls } from "./keptCalls.js"
import type { Settlement } from "./running.js"
import { type BeginResult, type PollResult, resultJson, type Runs } from "./runs.js"
import { rowError } from "./verdict.js"

const once = Schedule.stop

/** The key of an attempt among the runs of its flow. Its parts must never change. */
export const onceKey = (batch: string, { attempt, key }: Pick<LiveRow, "attempt" | "key">): string =>
  JSON.stringify(["noukai-batch", batch, key, attempt])

const idsOf = ({ executionId }: NoukaiError): ReadonlyArray<string> => executionId === undefined ? [] : [executionId]

const reported = (error: NoukaiError, kind: string, executionIds: ReadonlyArray<string>): Settlement => ({
  state: "reported",
  error: { ...rowError(error, executionIds), kind },
  ...(executionIds.length === 1 && { executionId: executionIds[0]! })
})

/** The state that an error of the run itself leaves its row in; `undefined` for one of the request. */
const settledBy = (error: NoukaiError, hasTools: boolean): Settlement | undefined => {
  switch (error._tag) {
    case "FlowExecutionError":
      // any other status is the response to a request
      if (error.status !== "failed") return undefined
      break
    case "ToolCallLimitError":
      break
    case "UnexpectedResponseError":
      // it waits for tools that do not exist
      if (error.code !== "TOOL_CALLS_UNANSWERED_CLIENT") return undefined
      break
    case "ResultNotStoredError":
      return reported(error, "ResultNotStored", idsOf(error))
    case "RunInProgressError":
      // a run that waits for tools and whose pause cannot be read never ends
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

/** Whether an error names a run that was found through its session. */
const isOfSession = (error: NoukaiError): boolean =>
  error._tag === "AmbiguousRunError" || error._tag === "RunInProgressError" ||
  (error._tag === "ResultNotStoredError" && error.reason !== "expired" && error.reason !== "missing")

/** After a tool throws, its run waits and was billed so far. Other rows are not affected. */
const broken = (defect: unknown): Settlement => ({
  state: "reported",
  error: { kind: "Defect", message: defect instanceof Error ? defect.message : String(defect) }
})

/** Tools of every row of a batch, whose handlers need nothing and do not fail. Named by the public types. */
export type BatchTools = Tools.ToolSet<NoukaiError, never>

export const make = (
  ledger: Ledger,
  record: BatchRecord,
  tools: BatchTools | undefined
): Effect.Effect<Runs, never, FlowService | RunService | SessionService> =>
  Effect.gen(function*() {
    const { name } = record
    const flows = yield* FlowService
    const sessions = yield* SessionService
    const runs = yield* RunService
    /** The flow of a row, and the options of its run. */
    const addressOf = (row: Pick<LiveRow, "flow" | "version">) => {
      const { flow, version } = targetOf(record, row)
      return [flow, { version: versionOf(version), retry: once }] as const
    }

    const lookAt = (sessionId: string) =>
      lookUp(sessions, record, sessionId, ({ executionId }) => ({ _tag: "found", executionId }))

    const ended = (settled: Settlement, sessionId: string | undefined, isListed: boolean): BeginResult => ({
      _tag: "ended",
      settled,
      isListed,
      ...(sessionId !== undefined && { look: lookAt(sessionId) })
    })

    /** The end of a row whose run failed or was found; fails with the error if it concerns the request. */
    const failed = (error: NoukaiError): Effect.Effect<BeginResult, NoukaiError> =>
      Effect.gen(function*() {
        const settled = settledBy(error, tools !== undefined)
        if (settled === undefined) return yield* error
        const isExpired = error._tag === "ResultNotStoredError" && error.reason === "expired"
        if (isExpired && (yield* areAllGone(sessions, record))) return yield* error
        const isRun = error._tag === "FlowExecutionError"
        return ended(settled, isRun ? error.sessionId : undefined, isRun ? error.reused === true : isOfSession(error))
      })

    function outcome<E>(asked: Effect.Effect<OnceResult, NoukaiError | E>) {
      return asked.pipe(
        Effect.map((found): BeginResult => {
          const { executionId, reused, sessionId } = found
          return ended(
            {
              state: "done",
              result: resultJson(found),
              adopted: reused,
              ...(executionId !== undefined && { executionId })
            },
            sessionId,
            reused
          )
        }),
        Effect.catchIf(isNoukaiError, failed),
        Effect.catchAllDefect((defect) =>
          Effect.succeed<BeginResult>({ _tag: "ended", settled: broken(defect), isListed: false })
        )
      )
    }

    /** The end of a run that timed out and has ended. It is looked up and never sent: an absence would be looked at for longer. */
    const lookedUp = (executionId: string, row: LiveRow): Effect.Effect<PollResult, NoukaiError> => {
      const [flow, options] = addressOf(row)
      return Effect.timeoutTo(outcome(flows.executeOnce(onceKey(name, row), flow, { ...options, settle: "1 day" })), {
        duration: "1 minute",
        onSuccess: (begun): PollResult => begun._tag === "ended" ? begun : { _tag: "running" },
        onTimeout: (): PollResult => ({
          _tag: "ended",
          settled: {
            state: "reported",
            executionId,
            error: { kind: "RunNotFound", message: `its run ${executionId} ended, and is not listed under its session` }
          }
        })
      })
    }

    return {
      look: (row) => {
        const [flow, { version }] = addressOf(row)
        return Effect.flatMap(onceSession(onceKey(name, row), flow, version), lookAt)
      },
      beginLooks: true,
      begin: (row, input) => {
        const [flow, options] = addressOf(row)
        const once = { ...runInput(input) as ExecuteOnceInput, ...options }
        return tools === undefined
          ? outcome(flows.executeOnce(onceKey(name, row), flow, once))
          : keepingCalls(ledger, row, tools, (tools) =>
            // the row is of this process: another one that waits with its tools has lost it
            outcome(flows.executeOnce(onceKey(name, row), flow, { ...once, tools, takeOver: true })))
      },
      // of a row that timed out: the result of any other one comes with the answer to the request that begins it
      follow: (executionId, row) =>
        Effect.succeed(
          Effect.flatMap(runs.summary(addressOf(row)[0], executionId), ({ status }) =>
            status === "pending" || status === "running"
              ? Effect.succeed<PollResult>({ _tag: status })
              : lookedUp(executionId, row))
        ),
      measure: measuring(runs, record)
    }
  })
