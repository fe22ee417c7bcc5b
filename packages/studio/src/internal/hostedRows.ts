/**
 * The rows of the list of runs of the hosted service. The service lists neither costs, versions, sessions nor waits, nor what
 * steps tell: a row has them from the trace of its run, from the caller, and from pages that watch the run.
 */
import type { RunService } from "@effect-noukai/sdk/RunService"
import { costOf, type FlowRun, type RunCost, type Trace } from "@effect-noukai/sdk/Trace"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as RunList from "../RunList.js"
import type { Run } from "../RunsApi.js"
import type { RunChange } from "../StudioSource.js"
import { knownCostOf, waitsSinceOf } from "./detail.js"
import type { SeenFlows } from "./hostedFlows.js"
import { isOver } from "./hostedTraces.js"
import { millisOf } from "./times.js"
import { type Told, toldOf } from "./told.js"
import * as Watched from "./watched.js"

/** The number of requests for costs, and for lists, at once. */
export const concurrency = 4

/** The most runs that the service lists of a flow. */
export const longestPage = 100

/** The time in milliseconds after which a cost that could not be read, and a run that goes on, are read again. */
const costRetry = 30_000

type Cost = Pick<Run, "costUsd" | "unknownCosts">

export interface HostedRows {
  readonly list: RunList.RunList
  readonly changes: PubSub.PubSub<RunChange>
  readonly watched: Watched.Watched
  /** The sessions of runs that were read with their session. */
  readonly sessionIds: Map<string, string>
  /** Whether the lists of the server were read. Before that, no cost is read in the background. */
  isRead: boolean
  readonly seen: SeenFlows
  readonly runs: RunService.Service
  /** The costs of runs that have ended. */
  readonly costs: Map<string, Cost>
  /** The facts of traces whose runs have ended. */
  readonly told: Map<string, Told>
  /** When the costs of runs could not be read. */
  readonly failedAt: Map<string, number>
  /** When the traces of runs that go on were read, and since when the runs wait. */
  readonly waits: Map<string, { readonly since: number | undefined; readonly readAt: number }>
  readonly fetching: FiberMap.FiberMap<string>
  readonly permits: Effect.Semaphore
}

export const make = (runs: RunService.Service, seen: SeenFlows): Effect.Effect<HostedRows, never, Scope.Scope> =>
  Effect.gen(function*() {
    return {
      list: RunList.make(),
      changes: yield* PubSub.sliding<RunChange>(10_000),
      watched: Watched.make(),
      sessionIds: new Map(),
      isRead: false,
      seen,
      runs,
      costs: new Map(),
      told: new Map(),
      failedAt: new Map(),
      waits: new Map(),
      fetching: yield* FiberMap.make<string>(),
      permits: yield* Effect.makeSemaphore(concurrency)
    }
  })

/** The newest rows: a page shows them without a further read. */
export const newest = ({ list }: HostedRows): ReadonlyArray<Run> =>
  list.page({}, { offset: 0, limit: longestPage }).runs

/** The facts of a run that the server told. */
export const rowOf = (
  flow: string,
  { completedAt, durationMs, flowId, id, startedAt, status, triggerType }: FlowRun
): Run => {
  const start = millisOf(startedAt)
  const end = millisOf(completedAt)
  const duration = durationMs ?? (start === undefined || end === undefined ? undefined : end - start)
  return {
    id,
    flow,
    status,
    ...flowId !== undefined && { flowId },
    ...triggerType !== undefined && { trigger: triggerType },
    ...start !== undefined && { startedAt: start },
    ...duration !== undefined && { durationMs: duration }
  }
}

/** Whether a run went on when the list was read, so that the cost in the list is a part. */
export const hasEndedSince = ({ list }: HostedRows, { id, status }: Run): boolean => {
  const before = list.get(id)
  return before !== undefined && isOver(status) && !isOver(before.status)
}

/** Adds what others than the server told. */
export const completed = (rows: HostedRows, run: Run): Run => {
  const { costs, list, seen, sessionIds, told, waits } = rows
  const fact = seen.known.get(run.id)
  const sessionId = fact?.sessionId ?? sessionIds.get(run.id)
  // a poll does not tell the cost of a run that goes on, which was read before
  const before = hasEndedSince(rows, run) ? undefined : list.get(run.id)
  const cost = costs.get(run.id) ?? (run.costUsd === undefined ? before : run)
  const { unknownCosts: _, waitsSince: __, ...others } = run
  const waitsSince = isOver(run.status) ? undefined : waits.get(run.id)?.since
  return {
    ...others,
    ...told.get(run.id),
    ...waitsSince !== undefined && { waitsSince },
    ...fact?.version !== undefined && { version: fact.version },
    ...sessionId !== undefined && { sessionId },
    ...cost?.costUsd !== undefined && { costUsd: cost.costUsd },
    ...cost?.unknownCosts !== undefined && { unknownCosts: cost.unknownCosts }
  }
}

/** Puts a row into the list. If it has changed, publishes it, and reads its cost in the background. */
export const put = (rows: HostedRows, row: Run): Effect.Effect<void> => {
  const run = completed(rows, row)
  const before = rows.list.get(run.id)
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(run)) return Effect.void
  rows.list.put(run)
  return Effect.zipRight(
    PubSub.publish(rows.changes, { _tag: "Changed", run }),
    rows.isRead && newest(rows).includes(run) ? priced(rows, [run]) : Effect.void
  )
}

/** Since when a run waits, by its trace and its watcher. */
const waitOf = ({ watched }: HostedRows, flow: string, trace: Trace): number | undefined => {
  const run = rowOf(flow, trace.flowRun)
  const facts = watched.get(run.id)
  return waitsSinceOf({
    run,
    trace,
    ...facts !== undefined && run.startedAt !== undefined && { watched: Watched.since(facts, run.startedAt) }
  })
}

/** Keeps the cost of a run, its wait and its other facts, as its trace tells them. Returns its cost. */
export const learn = (rows: HostedRows, flow: string, id: string, trace: Trace): Effect.Effect<RunCost> =>
  Effect.map(Clock.currentTimeMillis, (readAt) => {
    const total = costOf(trace, id)
    const cost = knownCostOf(total)
    if (isOver(total.status)) {
      rows.waits.delete(id)
      if (!rows.told.has(id)) rows.told.set(id, toldOf(trace))
      if (cost.costUsd !== undefined) rows.costs.set(id, cost)
    } else rows.waits.set(id, { since: waitOf(rows, flow, trace), readAt })
    return total
  })

/** Reads the cost of a run, and puts it into its row. */
export const fetchCost = (rows: HostedRows, { flow, id }: Run): Effect.Effect<void> =>
  rows.runs.trace(flow, id).pipe(
    Effect.matchEffect({
      onFailure: () => Effect.map(Clock.currentTimeMillis, (now) => void rows.failedAt.set(id, now)),
      onSuccess: Effect.fnUntraced(function*(trace) {
        rows.failedAt.delete(id)
        const { status, wallMs, ...totals } = yield* learn(rows, flow, id, trace)
        const cost = knownCostOf(totals)
        const run = rows.list.get(id)
        if (run === undefined) return
        const { unknownCosts, ...others } = run
        yield* put(rows, {
          ...others,
          ...cost.costUsd === undefined && unknownCosts !== undefined && { unknownCosts },
          // the trace of a run that has ended may be behind
          ...(isOver(status) || !isOver(run.status)) && cost,
          // a row that the server did not list
          ...run.status === "unknown" && { status, durationMs: wallMs }
        })
      })
    }),
    rows.permits.withPermits(1)
  )

/** Whether a run that goes on was read long ago: it may wait, or no longer. */
export const isStale = ({ waits }: HostedRows, { id, status }: Run, now: number): boolean =>
  !isOver(status) && now - (waits.get(id)?.readAt ?? now) >= costRetry

/** Reads the costs of rows in the background. */
export const priced = (rows: HostedRows, runs: ReadonlyArray<Run>): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.forEach(
      runs.filter((run) =>
        !rows.costs.has(run.id) && (run.costUsd === undefined || isOver(run.status) || isStale(rows, run, now)) &&
        !(now - (rows.failedAt.get(run.id) ?? 0) < costRetry)
      ),
      (run) => FiberMap.run(rows.fetching, run.id, fetchCost(rows, run), { onlyIfMissing: true }),
      { discard: true }
    ))
