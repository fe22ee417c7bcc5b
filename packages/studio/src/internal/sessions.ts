/** The runs of a session on one axis. */
import * as StoredRuns from "@effect-noukai/report/StoredRuns"
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import type { SessionExecution } from "@effect-noukai/sdk/SessionService"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import type { Run, SessionDetail, SessionRun, Source } from "../RunsApi.js"
import type { StoredSession } from "../StudioSource.js"
import { cut, flag, type Mask, serverFlags, shellWord } from "./text.js"
import { hasEnded, millisOf } from "./times.js"

export const howToCapture = "Only runs with the capture mode `full` or `redacted` keep payloads."

/** Returns the facts of a run that its session tells. */
export const rowOf = (
  sessionId: string,
  flow: string | undefined,
  { completedAt, executionId, flowId, slug, startedAt, status, triggerType }: SessionExecution
): Run => {
  const [start, end] = [millisOf(startedAt), millisOf(completedAt)]
  return {
    id: executionId,
    flow: flow ?? slug ?? "a deleted flow",
    status,
    sessionId,
    ...flowId !== undefined && { flowId },
    ...triggerType !== undefined && { trigger: triggerType },
    ...start !== undefined && { startedAt: start },
    ...start !== undefined && end !== undefined && { durationMs: end - start }
  }
}

/** The most steps of a run, and characters of a line of its error. */
const most = { steps: 200, line: 500 }

/** Whether a run stopped before its first step, so that it has nothing to capture. */
const isEmpty = ({ status, steps, traceCaptureMode }: SessionExecution): boolean =>
  status !== "completed" && steps.length === 0 && traceCaptureMode === undefined

const failureOf = (
  { errorAtStep, status }: SessionExecution,
  { focus, rows }: TraceLayout.TraceLayout
): ReadonlyArray<string> => {
  if (status !== "failed") return []
  const bar = focus === undefined ? undefined : rows[focus]?.bars[0]
  const [line] = bar?.kind === "failed" && bar.step.errorContext !== undefined ? bar.failure : []
  if (line !== undefined) return [cut(`${bar!.step.stepId}: ${line}`, most.line)]
  return errorAtStep === undefined ? [] : [`It failed at the step ${errorAtStep}. The error was not captured.`]
}

/** Lays out one run. Times are from the start of the session. */
const sessionRun = (
  run: Run,
  execution: SessionExecution,
  sessionStart: number | undefined
): { readonly shown: SessionRun; readonly endMs: number } => {
  const layout = TraceLayout.make(StoredRuns.fromExecution(execution))
  const start = run.startedAt ?? layout.startedAt
  const startMs = start === undefined || sessionStart === undefined ? undefined : Math.max(0, start - sessionStart)
  const top = layout.rows.filter(({ depth }) => depth === 0).map(({ bars: [bar] }) => bar)
  const steps = top.toSorted((one, other) => one.startMs - other.startMs).slice(0, most.steps)
  return {
    shown: {
      run,
      ...startMs !== undefined && { startMs },
      steps: steps.map((bar) => ({
        stepId: bar.step.stepId,
        kind: bar.kind,
        startMs: (startMs ?? 0) + bar.startMs,
        durationMs: bar.durationMs
      })),
      failure: failureOf(execution, layout),
      isCaptured: execution.snapshotsAvailable || isEmpty(execution)
    },
    endMs: (startMs ?? 0) + Math.max(layout.totalMs, run.durationMs ?? 0)
  }
}

const counted = (count: number, all: number): string => `${count} of ${all} ${all === 1 ? "run" : "runs"}`

const notesOf = ({ runs, session: { executions } }: StoredSession, shown: ReadonlyArray<SessionRun>) => {
  const all = executions.length
  const without = shown.filter(({ isCaptured }) => !isCaptured).length
  const jobs = executions.filter(({ triggerType }) => triggerType === "job").length
  const deleted = executions.filter(({ slug }) => slug === undefined).length
  const running = runs.filter(({ status }) => !hasEnded(status)).length
  const cutRuns = executions.filter(({ steps }) => steps.some(({ truncated }) => truncated)).length
  return [
    ...without === 0
      ? []
      : [`${counted(without, all)} kept no payloads, so the session cannot be replayed. ${howToCapture}`],
    ...running === 0 ? [] : [`${counted(running, all)} still goes on. Save the session when it has ended.`],
    ...jobs === 0
      ? []
      : [
        `${
          counted(jobs, all)
        } began as a job. A session does not replay jobs: record the program with \`NoukaiRecord\`.`
      ],
    ...deleted === 0 ? [] : [`${counted(deleted, all)} belongs to a deleted flow, and is not replayed.`],
    ...cutRuns === 0 ? [] : [`${counted(cutRuns, all)} has payloads that the server cut when it stored them.`]
  ]
}

/** The name of the files of a session, in characters that every system takes. */
export const nameOf = (id: string): string => `session-${id.slice(0, 8).replace(/[^\w-]+/g, "_")}`

const slugOf = (flow: string): string => flow.slice(flow.lastIndexOf("/") + 1)

/** The flags that name the flows of runs, because a session tells only their slugs. */
export const flowFlags = (runs: ReadonlyArray<Run>): ReadonlyArray<string> => {
  const known = runs.filter(({ flow }) => flow.split("/").length === 3)
  const flows = [...new Set(known.map(({ flow }) => flow))]
  const isClear = (flow: string) => flows.filter((other) => slugOf(other) === slugOf(flow)).length === 1
  const named = known.map(({ flow, id }) => isClear(flow) ? flow : `${id}=${flow}`)
  return [...new Set(named)].flatMap(flag("--flow"))
}

const textsOf = (
  server: Pick<Source, "address" | "kind">,
  id: string,
  isTest: boolean,
  flows: ReadonlyArray<string>
) => {
  const name = nameOf(id)
  const file = `${name}.json`
  const save = (...flags: ReadonlyArray<string>) =>
    ["noukai", "session", "save", id, file, ...flags, ...serverFlags(server)].map(shellWord).join(" ")
  return {
    save: save(),
    ...isTest &&
      {
        test: `${save("--test", ...flows)}\n${["npx", "vitest", "run", `${name}.test.ts`].map(shellWord).join(" ")}\n`
      },
    replay: `import { NoukaiReplay } from "@effect-noukai/sdk"
import { Effect } from "effect"

const again = Effect.provide(program, NoukaiReplay.fromFile(${JSON.stringify(file)}))
`,
    replayRequest: `curl -H ${shellWord(`X-Noukai-Replay: ${id}`)} http://localhost:3000/`
  }
}

/** Puts the runs of a session on one axis. `now` is in milliseconds since 1970. */
export const detailOf = (
  mask: Mask,
  server: Pick<Source, "address" | "kind">,
  { runs, session }: StoredSession,
  now: number
): SessionDetail => {
  const starts = runs.flatMap(({ startedAt }) => startedAt ?? [])
  const startedAt = starts.length === 0 ? undefined : starts.reduce((first, start) => Math.min(first, start))
  const laidOut = session.executions
    .map((execution, index) => sessionRun(runs[index]!, execution, startedAt))
    .toSorted((one, other) => (one.shown.startMs ?? Infinity) - (other.shown.startMs ?? Infinity))
  const shown = laidOut.map((one) => one.shown)
  const costs = runs.flatMap(({ costUsd }) => Option.toArray(Trace.parseCost(costUsd)))
  const unknownCosts = runs.filter(({ costUsd, unknownCosts = 0 }) => costUsd === undefined || unknownCosts > 0).length
  const goesOn = startedAt !== undefined && runs.some(({ status }) => !hasEnded(status))
  const ends = [...laidOut.map(({ endMs }) => endMs), ...goesOn ? [now - startedAt] : []]
  return {
    id: session.sessionId,
    ...startedAt !== undefined && { startedAt },
    totalMs: ends.reduce((last, end) => Math.max(last, end), 0),
    ...costs.length > 0 && { costUsd: Trace.formatCost(BigDecimal.sumAll(costs)) },
    ...unknownCosts > 0 && { unknownCosts },
    runs: shown,
    // before a secret is quoted for a shell
    ...textsOf(
      server,
      mask(session.sessionId),
      shown.length > 0 &&
        shown.every(({ isCaptured, run }) => isCaptured && run.trigger === "execute" && hasEnded(run.status)),
      flowFlags(runs).map(mask)
    ),
    notes: notesOf({ runs, session }, shown)
  }
}
