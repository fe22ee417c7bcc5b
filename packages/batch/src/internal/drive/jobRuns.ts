/** Runs through the queue, which keeps results: after a crash, runs are found again with their results. */
import { JobService, type NoukaiError, RunService, SessionService, type SubmitInput } from "@effect-noukai/sdk"
import { type JobCancelled, type JobFailed, problemOf } from "@effect-noukai/sdk/Job"
import {
  Arrivals,
  callbackOf,
  callbackOfHandle,
  type CallbackOption,
  jobKey,
  waitsOf
} from "@effect-noukai/sdk/kit/callback"
import { uuidOf } from "@effect-noukai/sdk/kit/names"
import { digitsAt, digitsIn, digitsOf, digitsWithin, stringifyJson, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { hash } from "node:crypto"
import type { RowError } from "../../BatchRow.js"
import type { BatchRecord } from "../ledger/batches.js"
import { type LiveRow, runInput } from "../ledger/rows.js"
import type { Settlement } from "./running.js"
import { type Look, type PollResult, resultJson, type RunMeasure, type Runs } from "./runs.js"
import { rowError } from "./verdict.js"

/** A request is sent once. Sending it again is a new intent. */
const once = Schedule.stop

/** The time in which a request must connect, or else is not sent, in milliseconds. */
const connectTimeout = 2000

/** The limit of one attempt of a read, in milliseconds. */
const readTimeout = 15_000

/** The time after its submission in which the server may not know a job yet, in milliseconds. */
const grace = 5000

const failure = (kind: string, unknown: string, status: JobFailed | JobCancelled): RowError => {
  const { error } = status
  const text = () =>
    error === undefined || error === null ? unknown : stringifyJson(error, digitsAt(digitsOf(status), "error"))
  const { code, message = text() } = problemOf(status)
  return { kind, message, ...(code !== undefined && { code }) }
}

/** The version of a batch as an option of a call. */
export const versionOf = (version: string): number | "production" | "draft" =>
  version === "production" || version === "draft" ? version : Number(version)

/** The namespace of the sessions of rows. It must never change. */
const namespace = Buffer.from("7c4f2b189f0d4d6ea1c50b8e63d7f294", "hex")

/**
 * The session of an attempt, from 1, at a key of a batch, so that every process finds what ran: a UUID of version 5. Its parts,
 * and their order, must never change.
 *
 * @see RFC 9562, 5.5
 */
export const rowSession = (
  { flow, name, version }: Pick<BatchRecord, "flow" | "name" | "version">,
  key: string,
  attempt: number
): string => {
  const parts = JSON.stringify([name, flow, version, key, attempt])
  return uuidOf(hash("sha1", Buffer.concat([namespace, Buffer.from(parts)]), "buffer"), 5)
}

/** The flow and the version of the run of a row. */
export const targetOf = (
  record: Pick<BatchRecord, "flow" | "name" | "version">,
  { flow, version }: Pick<LiveRow, "flow" | "version">
): Pick<BatchRecord, "flow" | "name" | "version"> =>
  flow === undefined && version === undefined
    ? record
    : { name: record.name, flow: flow ?? record.flow, version: version ?? record.version }

/** The outputs of steps that a trace has whole, by id, from their latest attempts. The iterations of a loop have a list. */
const outputsOf = (trace: Trace.Trace, stepIds: ReadonlyArray<string>): { readonly [stepId: string]: unknown } => {
  const kept = stepIds.flatMap((stepId) => {
    const latest = new Map<number | undefined, Trace.StepTrace>()
    for (const step of trace.steps) {
      const known = latest.get(step.loopIndex)
      if (step.stepId === stepId && step.attempt >= (known?.attempt ?? 0)) latest.set(step.loopIndex, step)
    }
    const steps = [...latest.values()].sort((one, other) => (one.loopIndex ?? 0) - (other.loopIndex ?? 0))
    if (steps.length === 0 || steps.some(({ outputContext, truncated }) => outputContext === undefined || truncated)) {
      return []
    }
    const outputs = steps.map(({ outputContext }) => outputContext)
    const digits = digitsIn(steps.map(({ outputContext, raw }, place) => [
      place,
      digitsAt(digitsOf(raw), "outputContext") ?? digitsWithin(outputContext)
    ]))
    return [
      latest.has(undefined) ? [stepId, outputs[0], digitsAt(digits, 0)] as const : [stepId, outputs, digits] as const
    ]
  })
  return withDigits(
    Object.fromEntries(kept.map(([stepId, output]) => [stepId, output])),
    digitsIn(kept.map(([stepId, , digits]) => [stepId, digits]))
  )
}

/** Whether a trace tells a time, which may be 0. */
const isTimed = ({ flowRun, steps }: Trace.Trace): boolean =>
  [flowRun, ...steps].some(({ completedAt, durationMs, startedAt }) =>
    durationMs !== undefined || (startedAt !== undefined && completedAt !== undefined)
  )

/** Reads the cost and the time of a run, and the outputs of its steps that are kept. */
export const measuring = (runs: RunService["Type"], record: BatchRecord): Runs["measure"] => {
  const { settings: { steps } } = record
  return (executionId, row) =>
    Effect.map(
      runs.trace(targetOf(record, row).flow, executionId),
      (trace): RunMeasure => ({
        ...Trace.costOf(trace, executionId),
        isTimed: isTimed(trace),
        ...(steps !== undefined && { outputs: outputsOf(trace, steps) })
      })
    )
}

/** Whether the server answers 410 for every session, even for one that was never used. */
export const areAllGone = (
  sessions: SessionService["Type"],
  record: Pick<BatchRecord, "flow" | "name" | "version">
): Effect.Effect<boolean, NoukaiError> =>
  sessions.get(rowSession(record, "", 0), { attemptTimeout: readTimeout }).pipe(
    Effect.as(false),
    Effect.catchTags({
      ReplaySessionExpiredError: () => Effect.succeed(true),
      ReplaySessionNotFoundError: () => Effect.succeed(false)
    })
  )

/** Looks up the run that a session lists. */
export const lookUp = (
  sessions: SessionService["Type"],
  record: Pick<BatchRecord, "flow" | "name" | "version">,
  sessionId: string,
  ofOne: (execution: SessionExecution) => Look
): Effect.Effect<Look, NoukaiError> =>
  Effect.catchTags(
    Effect.map(sessions.get(sessionId, { attemptTimeout: readTimeout }), ({ executions: [first, ...others] }): Look => {
      if (first === undefined) {
        return { _tag: "absent" }
      }
      if (others.length === 0) {
        return ofOne(first)
      }
      const executionIds = [first, ...others].map(({ executionId }) => executionId)
      const message = `${executionIds.length} runs are listed under its session ${sessionId}, and each may have been ` +
        "billed: look at them, and retry it with `acceptDoubleRuns` (--accept-double-runs) if none will do"
      return {
        _tag: "ended",
        settled: { state: "reported", error: { kind: "AmbiguousRun", message, executionIds } }
      }
    }),
    {
      // any other 404, of a gateway for example, proves nothing
      ReplaySessionNotFoundError: (error) =>
        error.isAbsent === true ? Effect.succeed<Look>({ _tag: "absent" }) : Effect.fail(error),
      ReplaySessionExpiredError: (error) =>
        Effect.flatMap(areAllGone(sessions, record), (all): Effect.Effect<Look, NoukaiError> =>
          all
            ? Effect.fail(error)
            : Effect.succeed({
              _tag: "ended",
              settled: {
                state: "reported",
                error: {
                  ...rowError(error),
                  kind: "ResultNotStored",
                  message: `it ran under its session ${sessionId}, which the server does not keep any more`
                }
              }
            }))
    }
  )

export const make = (
  record: BatchRecord,
  callback: CallbackOption | undefined
): Effect.Effect<Runs, never, JobService | RunService | SessionService> =>
  Effect.gen(function*() {
    const jobs = yield* JobService
    const sessions = yield* SessionService
    const runs = yield* RunService
    const arrivals = new Arrivals()
    /** The runs of a replay: nothing sends their webhooks. */
    const replayed = new Set<string>()
    const sessionOf = (row: Pick<LiveRow, "attempt" | "flow" | "key" | "version">) =>
      rowSession(targetOf(record, row), row.key, row.attempt)
    return {
      look: (row) =>
        lookUp(sessions, record, sessionOf(row), ({ executionId, slug, triggerType }) => {
          const { flow } = targetOf(record, row)
          const other = triggerType !== undefined && triggerType !== "job"
            ? "is no job"
            : slug !== undefined && slug !== "" && slug !== flow.slice(flow.lastIndexOf("/") + 1)
            ? `is of another flow, ${slug}`
            : undefined
          return other === undefined ? { _tag: "found", executionId } : {
            _tag: "ended",
            settled: {
              state: "reported",
              executionId,
              error: { kind: "AmbiguousRun", message: `its session has the run ${executionId}, which ${other}` }
            }
          }
        }),
      begin: (row, input, timeout) => {
        const { flow, version } = targetOf(record, row)
        return Effect.map(
          jobs.submit(flow, {
            ...runInput(input) as SubmitInput,
            version: versionOf(version),
            callback,
            sessionId: sessionOf(row),
            retry: once,
            retryPost: false,
            timeout,
            connectTimeout
          }),
          (job) => {
            if (callback?.nudges !== undefined && callbackOfHandle(job) === undefined) replayed.add(job.executionId)
            return { _tag: "submitted", executionId: job.executionId }
          }
        )
      },
      follow: (executionId, row) =>
        Effect.map(jobs.attach(targetOf(record, row).flow, executionId, { grace }), (job) =>
          // a retry of the client would hide a 429 from the polls of the other rows
          Effect.map(job.poll({ retry: once }), (status): PollResult => {
            const ended = (settled: Settlement): PollResult => ({
              _tag: "ended",
              settled: { ...settled, executionId }
            })
            switch (status.status) {
              case "completed":
                return ended({ state: "done", result: resultJson(status) })
              case "failed":
                return ended({
                  state: "failed",
                  error: failure("FlowExecutionError", "the server does not say why", status)
                })
              case "cancelled":
                return ended({
                  state: "cancelled",
                  error: failure("Cancelled", "the job was cancelled", status)
                })
              case "pending":
                return { _tag: "pending" }
              case "running":
                return { _tag: "running" }
              case "unknown":
                return { _tag: "running", unknown: status.reported }
            }
          })),
      ...callback?.nudges && {
        waits: (executionId, row) =>
          Effect.map(
            jobKey(sessionOf(row)),
            (key) => replayed.delete(executionId) ? undefined : waitsOf(callbackOf(arrivals, callback, key))
          )
      },
      measure: measuring(runs, record)
    }
  })
