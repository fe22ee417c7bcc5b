/** The runs of a flow around a failed one: the last good run, and those that failed with the same error. */
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import { digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import { problemOf } from "@effect-noukai/sdk/kit/runs/report"
import type { Trace } from "@effect-noukai/sdk/Trace"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { FailureHistory } from "../CompareApi.js"
import type { NotFound, Run, RunFilter, Unavailable } from "../RunsApi.js"
import type { StoredRun, StudioSource } from "../StudioSource.js"
import { type Exact, exactChanges } from "./exactChanges.js"
import { knownInput } from "./runForm.js"
import { cut } from "./text.js"

type Source = StudioSource.Service

/** The most failed and completed runs that are read, the most differences of two inputs, and characters of a message. */
const most = { failed: 50, completed: 20, differences: 1_000, message: 500 }

/** The number of runs that are read at once. */
const concurrency = 4

type Failure = NonNullable<FailureHistory["error"]>

/** The error of a failed run: of the step that is shown first on its page. */
const errorOf = (trace: Trace): Failure | undefined => {
  if (trace.flowRun.status !== "failed") return undefined
  const { focus, rows } = TraceLayout.make(trace)
  const row = focus === undefined ? undefined : rows[focus]
  const { step } = row?.failure ?? row?.bars[0] ?? {}
  if (step?.errorContext === undefined) return undefined
  const { code, detail } = problemOf(step.errorContext)
  return {
    stepId: step.stepId,
    ...code !== undefined && { code },
    ...detail !== undefined && { message: cut(detail, most.message) }
  }
}

/** Whether two errors are one: by their codes, or by their messages where they have no code. */
const isSame = (one: Failure, other: Failure | undefined): boolean =>
  other !== undefined && one.code === other.code && (one.code !== undefined || one.message === other.message)

/** Reads runs. Those that cannot be read are left out. */
const readAll = (source: Source, runs: ReadonlyArray<Run>): Effect.Effect<ReadonlyArray<StoredRun>> =>
  Effect.map(
    Effect.forEach(runs, ({ flow, id }) => Effect.option(source.run(flow, id)), { concurrency }),
    Arr.getSomes
  )

const listed = (source: Source, filter: RunFilter, limit: number) => source.list(filter, { offset: 0, limit })

const earliest = (runs: ReadonlyArray<Run>): Run | undefined =>
  runs.reduce<Run | undefined>(
    (first, run) => (run.startedAt ?? Infinity) < (first?.startedAt ?? Infinity) ? run : first ?? run,
    undefined
  )

/** The failed runs of the flow with the error of a run. */
const failuresOf = Effect.fnUntraced(function*(source: Source, stored: StoredRun) {
  const { run, trace } = stored
  const page = yield* listed(source, { ofFlow: run.flow, status: "failed" }, most.failed)
  const error = errorOf(trace)
  const counts = { failed: page.total, seen: 0, looked: 0, unread: 0 }
  if (error === undefined) return counts
  const others = page.runs.filter(({ id }) => id !== run.id)
  const read = yield* readAll(source, others)
  const same = [stored, ...read.filter((other) => isSame(error, errorOf(other.trace)))]
  const firstSeen = earliest(same.map(({ run }) => run))
  return {
    ...counts,
    error,
    seen: same.length,
    looked: read.length + 1,
    unread: others.length - read.length,
    ...firstSeen !== undefined && { firstSeen }
  }
})

/** The input of a run with all digits of its numbers. `undefined`: it is not stored whole. */
const inputOf = (stored: StoredRun): Exact | undefined => {
  const value = knownInput(stored)
  return value && { value, digits: digitsWithin(value) }
}

type Good = NonNullable<FailureHistory["good"]>

/** A completed run, with the number of values by which its input differs. */
const measured = (input: Exact | undefined, stored: StoredRun): Good => {
  const other = inputOf(stored)
  if (input === undefined || other === undefined) return { run: stored.run, input: "unknown", differences: 0 }
  const differences = exactChanges(other, input, most.differences).length
  return { run: stored.run, input: differences === 0 ? "same" : "near", differences }
}

const rank = { same: 0, near: 1, unknown: 2 } as const

const isNearer = (one: Good, other: Good): boolean =>
  rank[one.input] < rank[other.input] || (rank[one.input] === rank[other.input] && one.differences < other.differences)

/** The completed run whose input is nearest: the newest of several. Reads no more once an input is the same. */
const goodOf = Effect.fnUntraced(function*(source: Source, stored: StoredRun) {
  const { flow, id, startedAt } = stored.run
  const filter = { ofFlow: flow, status: "completed" }
  const before = startedAt === undefined
    ? undefined
    : yield* listed(source, { ...filter, to: startedAt }, most.completed)
  const isOf = before?.runs.some((run) => run.id !== id) === true
  const page = before !== undefined && isOf ? before : yield* listed(source, filter, most.completed)
  const input = inputOf(stored)
  let good: Good | undefined
  let compared = 0
  for (const part of Arr.chunksOf(page.runs.filter((run) => run.id !== id), concurrency)) {
    for (const other of yield* readAll(source, part)) {
      const candidate = measured(input, other)
      if (good === undefined || isNearer(candidate, good)) good = candidate
      compared++
    }
    if (good?.input === "same") break
  }
  return {
    ...good !== undefined && { good },
    compared,
    completed: page.total,
    isLater: good !== undefined && !isOf && startedAt !== undefined
  }
})

/** Returns the last good run before a failed one, and the runs that failed with its error. */
export const historyOf = (
  source: Source,
  flow: string,
  id: string
): Effect.Effect<FailureHistory, NotFound | Unavailable> =>
  Effect.flatMap(source.run(flow, id), (stored) =>
    Effect.zipWith(
      failuresOf(source, stored),
      goodOf(source, stored),
      (failures, good) => ({ ...failures, ...good })
    ))
