/** The runs of a flow around a failed one: the last good run, and those that failed with the same error. */
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import { digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import type { Trace } from "@effect-noukai/sdk/Trace"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { FailureHistory } from "../CompareApi.js"
import type { NotFound, Run, Unavailable } from "../RunsApi.js"
import type { StoredRun, StudioSource } from "../StudioSource.js"
import { type Exact, exactChanges } from "./exactChanges.js"
import { knownInput } from "./runForm.js"
import { errorOf } from "./told.js"

type Source = StudioSource.Service

/** The most failed and completed runs that are read, and the most differences of two inputs. */
const most = { failed: 50, completed: 20, differences: 1_000 }

/** The number of runs that are read at once. */
const concurrency = 4

/** The error of a failed run: of the step that is shown first on its page. */
const errorIn = (trace: Trace): FailureHistory["error"] => {
  if (trace.flowRun.status !== "failed") return undefined
  const { focus, rows } = TraceLayout.make(trace)
  const step = focus === undefined ? undefined : rows[focus]?.bars[0].step
  const { error, problem } = step === undefined ? {} : errorOf(step)
  return step === undefined || error === undefined
    ? undefined
    : { stepId: step.stepId, error, ...problem !== undefined && { problem } }
}

/** Reads runs. Those that cannot be read are left out. */
const readAll = (source: Source, runs: ReadonlyArray<Run>): Effect.Effect<ReadonlyArray<StoredRun>> =>
  Effect.map(
    Effect.forEach(runs, ({ flow, id }) => Effect.option(source.run(flow, id)), { concurrency }),
    Arr.getSomes
  )

const earliest = (runs: ReadonlyArray<Run>): Run | undefined =>
  runs.reduce<Run | undefined>(
    (first, run) => (run.startedAt ?? Infinity) < (first?.startedAt ?? Infinity) ? run : first ?? run,
    undefined
  )

/** The failed runs of the flow with the error of a run. */
const failuresOf = Effect.fnUntraced(function*(source: Source, stored: StoredRun) {
  const { run, trace } = stored
  const failed = yield* source.runs({ ofFlow: run.flow, status: "failed" })
  const error = errorIn(trace)
  const counts = { failed: failed.length, seen: 0, looked: 0, unread: 0 }
  if (error === undefined) return counts
  const others = failed.filter(({ id }) => id !== run.id)
  const [untold, told] = Arr.partition(others, (other) => other.error !== undefined)
  const newest = untold.slice(0, most.failed)
  const read = yield* readAll(source, newest)
  const same = [
    run,
    ...told.filter((other) => other.error === error.error),
    ...read.flatMap((other) => errorIn(other.trace)?.error === error.error ? [other.run] : [])
  ]
  const firstSeen = earliest(same)
  return {
    ...counts,
    error,
    seen: same.length,
    looked: told.length + read.length + 1,
    unread: newest.length - read.length,
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
  const all = (yield* source.runs({ ofFlow: flow, status: "completed" })).filter((run) => run.id !== id)
  const before = startedAt === undefined ? [] : all.filter((run) => (run.startedAt ?? Infinity) <= startedAt)
  const isOf = before.length > 0
  const candidates = isOf ? before : all
  const input = inputOf(stored)
  let good: Good | undefined
  let compared = 0
  for (const part of Arr.chunksOf(candidates.slice(0, most.completed), concurrency)) {
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
    completed: candidates.length,
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
