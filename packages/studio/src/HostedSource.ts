/**
 * The runs of the hosted service for a studio. The service lists the newest 100 runs of one flow at a time, and neither
 * flows, versions nor sessions: those come from the caller.
 *
 * @since 0.1.0
 */
import { type Names, orThrow } from "@effect-noukai/sdk/Kit"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { RunService } from "@effect-noukai/sdk/RunService"
import { type SessionExecution, SessionService } from "@effect-noukai/sdk/SessionService"
import { costOf, type FlowRun, type Trace } from "@effect-noukai/sdk/Trace"
import * as Arr from "effect/Array"
import * as Cache from "effect/Cache"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { knownCostOf, waitsSinceOf } from "./internal/detail.js"
import { messageOf, toFailure, toUnavailable } from "./internal/failures.js"
import * as Reconciler from "./internal/reconciler.js"
import * as SessionReads from "./internal/sessionReads.js"
import * as Sessions from "./internal/sessions.js"
import { shared, sharedSuccess } from "./internal/shared.js"
import { millisOf } from "./internal/times.js"
import * as Watched from "./internal/watched.js"
import * as RunList from "./RunList.js"
import type { NotFound, Unavailable } from "./RunsApi.js"
import { type Run, type RunPage, type Source } from "./RunsApi.js"
import { type RunChange, StudioSource } from "./StudioSource.js"

/**
 * A run that the caller has seen, oldest first in a list of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface SeenRun {
  /** `org/project/slug`. */
  readonly flow: string
  readonly id: string
  /** The server's id of the flow. Where no run of a flow has one, it is read from the newest run. */
  readonly flowId?: string | undefined
  readonly version?: string | undefined
  readonly sessionId?: string | undefined
  /** Milliseconds since 1970. */
  readonly at?: number | undefined
}

/**
 * The options of {@link layer}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The base URL of the server. */
  readonly address: string
  /** The runs that are known. Their flows are those whose runs are listed. Read before each poll. */
  readonly seen: Effect.Effect<ReadonlyArray<SeenRun>>
  /** Whether the server is an emulator. Default: `hosted`. */
  readonly kind?: Source["kind"] | undefined
  /**
   * The least time between two polls of the list, while a page is open. It is longer for more than 3 flows, so that there is
   * at most one request a second. A page that is open asks a server that is silent every 2 seconds whether it is there.
   * Default: 3 seconds.
   */
  readonly interval?: Duration.DurationInput | undefined
}

const names: Names<Options> = { address: true, seen: true, kind: true, interval: true }

/** Returns the options. Throws a `TypeError` for an unknown one, and for an interval that is not a time. */
const checked = (options: Options): Options => {
  const { interval } = orThrow("HostedSource.layer", options, names)
  const time = interval === undefined ? Duration.zero : Option.getOrUndefined(Duration.decodeUnknown(interval))
  const isNegative = (typeof interval === "number" || typeof interval === "bigint") && interval < 0
  if (time === undefined || !Duration.isFinite(time) || isNegative || Object.is(interval, NaN)) {
    throw new TypeError("HostedSource.layer: invalid interval: must be a duration, at least 0 and with an end")
  }
  return options
}

/** The number of requests for costs, and for lists, at once. */
const concurrency = 4

/** The most runs that the service lists of a flow. */
const longestPage = 100

/** The newest runs: a page shows them without a further read. */
const firstPage = { offset: 0, limit: longestPage }

/** The least time between two reads of one trace. */
const traceAge = Duration.seconds(1)

/** The time in milliseconds after which a page that is loaded anew does not wait for the read of another one. */
const tracePatience = 2_000

/** The traces of runs that have ended do not change. */
const endedTraceAge = Duration.minutes(10)

/** The most time for which a poll waits for the costs of runs that have ended. */
const costTime = Duration.seconds(2)

/** The time after which a cost that could not be read, and a run that goes on, are read again. */
const costRetry = 30_000

/** The time in milliseconds without an answer after which the server is asked whether it is there, and for its answer. */
const silence = { ask: 1_500, most: 1_500 }

const isOver = (status: string): boolean => status === "completed" || status === "failed" || status === "cancelled"

/** Whether the server refused one flow, and may list others. */
const isOfFlow = ({ _tag }: CallError): boolean =>
  _tag === "FlowNotFoundError" || _tag === "PermissionDeniedError" || _tag === "UnexpectedResponseError"

/** The facts of a run that the server told. */
const rowOf = (flow: string, { completedAt, durationMs, flowId, id, startedAt, status, triggerType }: FlowRun): Run => {
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

/** A flow whose runs are shown. */
interface ShownFlow {
  readonly flow: string
  readonly flowId: string | undefined
  /** The seen runs, newest first. */
  readonly runs: ReadonlyArray<SeenRun>
}

const flowsOf = (seen: ReadonlyArray<SeenRun>): ReadonlyArray<ShownFlow> =>
  Object.entries(Arr.groupBy(seen, ({ flow }) => flow)).map(([flow, runs]) => ({
    flow,
    flowId: runs.findLast(({ flowId }) => flowId !== undefined)?.flowId,
    runs: runs.toReversed()
  }))

/** The facts that are always missing, each with what to do about it. */
const alwaysMissing = [
  {
    what: `Runs before the newest ${longestPage} of a flow`,
    why: "The service lists no more. Open an older run by its address, or with `noukai trace`."
  },
  {
    what: "Versions and sessions of other runs",
    why: "The service does not tell them. They are shown for runs that `noukai run` began on this machine."
  }
]

const noFlows = {
  what: "Flows",
  why:
    "The service does not list flows, and this machine has not seen a run yet. Run one with `noukai run`, or read one with `noukai trace`."
}

/** The key of a trace in the cache. */
const keyOf = (flow: string, id: string) => Data.tuple(flow, id)

const make = (
  { address, interval = "3 seconds", kind = "hosted", seen }: Options
): Effect.Effect<StudioSource.Service, never, NoukaiHttp | RunService | SessionService | Scope.Scope> =>
  Effect.gen(function*() {
    const runs = yield* RunService
    const { defaults } = yield* NoukaiHttp
    const sessions = yield* SessionReads.make
    const reconciler = Reconciler.make(runs, yield* SessionService, false)
    const scope = yield* Effect.scope
    const list = RunList.make()
    const changes = yield* PubSub.sliding<RunChange>(10_000)
    const costs = new Map<string, Pick<Run, "costUsd" | "unknownCosts">>()
    const failedCosts = new Map<string, number>()
    /** When the traces of runs that go on were read, and since when the runs wait. */
    const waits = new Map<string, { readonly since: number | undefined; readonly readAt: number }>()
    const flowIds = new Map<string, string>()
    /** The sessions of runs that were read with their session. */
    const sessionIds = new Map<string, string>()
    const watched = Watched.make()
    /** Why the runs of a flow could not be listed. */
    const problems = new Map<string, string>()
    let known = new Map<string, SeenRun>()
    let shown: ReadonlyArray<ShownFlow> = []
    let isRead = false
    /** Why the last poll failed. */
    let outage: string | undefined
    /** When the server last answered. */
    let heardAt = 0
    const heard = Effect.map(Clock.currentTimeMillis, (now) => {
      heardAt = now
      outage = undefined
    })
    let readers = 0
    const hasReaders = yield* Effect.makeLatch()

    /** Whether a run went on when the list was read, so that the cost in the list is a part. */
    const hasEndedSince = ({ id, status }: Run): boolean => {
      const before = list.get(id)
      return before !== undefined && isOver(status) && !isOver(before.status)
    }

    /** Adds what others than the server told. */
    const completed = (run: Run): Run => {
      const fact = known.get(run.id)
      const sessionId = fact?.sessionId ?? sessionIds.get(run.id)
      // a poll does not tell the cost of a run that goes on, which was read before
      const before = hasEndedSince(run) ? undefined : list.get(run.id)
      const cost = costs.get(run.id) ?? (run.costUsd === undefined ? before : run)
      const { unknownCosts: _, waitsSince: __, ...others } = run
      const waitsSince = isOver(run.status) ? undefined : waits.get(run.id)?.since
      return {
        ...others,
        ...waitsSince !== undefined && { waitsSince },
        ...fact?.version !== undefined && { version: fact.version },
        ...sessionId !== undefined && { sessionId },
        ...cost?.costUsd !== undefined && { costUsd: cost.costUsd },
        ...cost?.unknownCosts !== undefined && { unknownCosts: cost.unknownCosts }
      }
    }

    const put = (row: Run): Effect.Effect<void> => {
      const run = completed(row)
      const before = list.get(run.id)
      if (before !== undefined && JSON.stringify(before) === JSON.stringify(run)) return Effect.void
      list.put(run)
      return Effect.zipRight(PubSub.publish(changes, { _tag: "Changed", run }), pricedIfNew(run))
    }

    const traces = yield* Cache.makeWith({
      capacity: 16,
      lookup: ([flow, id]: readonly [flow: string, id: string]) => runs.trace(flow, id),
      timeToLive: Exit.match({
        onFailure: () => Duration.zero,
        onSuccess: ({ flowRun }: Trace) => isOver(flowRun.status) ? endedTraceAge : traceAge
      })
    })
    const traceOf = sharedSuccess(traces, tracePatience)

    const flowIdOf = (shownFlow: ShownFlow): Effect.Effect<string | undefined, CallError> =>
      Effect.gen(function*() {
        const { flow, flowId = flowIds.get(flow), runs: [last] } = shownFlow
        if (flowId !== undefined || last === undefined) return flowId
        const { flowRun } = yield* traceOf(keyOf(flow, last.id))
        if (flowRun.flowId !== undefined) flowIds.set(flow, flowRun.flowId)
        return flowRun.flowId
      })

    /** Reads the list of one flow. Where it is refused, the seen runs stand for it. */
    const readFlow = (flow: ShownFlow): Effect.Effect<Either.Either<void, CallError>> =>
      Effect.gen(function*() {
        const flowId = yield* flowIdOf(flow)
        if (flowId === undefined) {
          problems.set(flow.flow, "The server did not tell the id of this flow, by which it lists runs.")
          return
        }
        const rows = yield* runs.list({ flowId, limit: longestPage }).pipe(
          Stream.take(longestPage),
          Stream.map((row) => rowOf(flow.flow, row)),
          Stream.runCollect
        )
        const ended = Chunk.filter(rows, (row) => hasEndedSince(row) && list.get(row.id)?.costUsd !== undefined)
        yield* Effect.timeoutOption(Effect.forEach(ended, fetchCost, { concurrency }), costTime)
        yield* heard
        yield* Effect.forEach(rows, put, { discard: true })
        problems.delete(flow.flow)
      }).pipe(
        Effect.either,
        Effect.tap(Either.match({
          onLeft: (error) =>
            Effect.suspend(() => {
              problems.set(flow.flow, messageOf(error))
              return Effect.forEach(flow.runs.slice(0, longestPage), ({ at, id }) =>
                list.get(id) === undefined
                  ? put({ id, flow: flow.flow, status: "unknown", ...at !== undefined && { startedAt: at } })
                  : Effect.void, { discard: true })
            }),
          onRight: () => Effect.void
        }))
      )

    const readSeen = Effect.map(seen, (all) => {
      known = new Map(all.map((run) => [run.id, run]))
      shown = flowsOf(all)
    })

    /** Reads all lists. Fails if none of them could be read for a reason that has nothing to do with its flow. */
    const poll: Effect.Effect<void, Unavailable> = Effect.gen(function*() {
      yield* readSeen
      const read = yield* Effect.forEach(shown, readFlow, { concurrency })
      const errors = read.flatMap((one) => Either.isLeft(one) && !isOfFlow(one.left) ? [one.left] : [])
      const [error] = errors
      if (error !== undefined && errors.length === read.length) return yield* toUnavailable(error)
      isRead = true
      const now = yield* Clock.currentTimeMillis
      const stale = list.page({}, firstPage).runs.filter(({ id, status }) => !isOver(status) && isStale(id, now))
      yield* priced({ runs: stale, total: stale.length })
    })

    const polls = yield* Cache.make({
      capacity: 1,
      timeToLive: Duration.seconds(1),
      lookup: () =>
        Effect.tapBoth(poll, {
          onFailure: ({ message }) => Effect.sync(() => void (outage = message)),
          onSuccess: () => Effect.sync(() => void (outage = undefined))
        })
    })
    const refresh = shared(polls)("all")

    /** Asks for as little as there is, once. */
    const asked = ({ flow, flowId = flowIds.get(flow), runs: [last] }: ShownFlow): Effect.Effect<unknown, CallError> =>
      flowId !== undefined
        ? Stream.runHead(runs.list({ flowId, limit: 1, retry: Schedule.stop }))
        : last === undefined
        ? Effect.void
        : runs.trace(flow, last.id, { retry: Schedule.stop })

    /** Notes whether the server is there, however long a poll of all flows takes. */
    const probe: Effect.Effect<void> = Effect.gen(function*() {
      const [flow] = shown
      if (flow === undefined || (yield* Clock.currentTimeMillis) - heardAt < silence.ask) return
      yield* asked(flow).pipe(
        Effect.catchIf(isOfFlow, () => Effect.void),
        Effect.mapError(messageOf),
        Effect.timeoutFail({
          duration: silence.most,
          onTimeout: () => `${address} has not answered for ${silence.most / 1_000} seconds.`
        }),
        Effect.matchEffect({
          onFailure: (message) => Effect.sync(() => void (outage = message)),
          onSuccess: () => heard
        })
      )
    })
    const probes = yield* Cache.make({ capacity: 1, timeToLive: Duration.seconds(1), lookup: () => probe })
    const checked = shared(probes)("all")

    const pause = Effect.suspend(() =>
      Effect.sleep(Duration.max(Duration.decode(interval), Duration.seconds(shown.length)))
    )

    yield* Effect.zipRight(hasReaders.await, refresh).pipe(
      Effect.retry(
        Schedule.exponential("3 seconds").pipe(Schedule.union(Schedule.spaced("15 seconds")), Schedule.jittered)
      ),
      Effect.zipRight(pause),
      Effect.forever,
      Effect.ignore,
      Effect.forkScoped
    )

    const fetching = yield* FiberMap.make<string>()
    const permits = yield* Effect.makeSemaphore(concurrency)

    /** Since when a run waits, by its trace and its watcher. */
    const waitOf = (flow: string, trace: Trace): number | undefined => {
      const run = rowOf(flow, trace.flowRun)
      const facts = watched.get(run.id)
      return waitsSinceOf({
        run,
        trace,
        ...facts !== undefined && run.startedAt !== undefined && { watched: Watched.since(facts, run.startedAt) }
      })
    }

    /** Whether a run that goes on was read long ago: it may wait, or no longer. */
    const isStale = (id: string, now: number): boolean => now - (waits.get(id)?.readAt ?? now) >= costRetry

    const fetchCost = ({ flow, id }: Run): Effect.Effect<void> =>
      runs.trace(flow, id).pipe(
        Effect.matchEffect({
          onFailure: () => Effect.map(Clock.currentTimeMillis, (now) => void failedCosts.set(id, now)),
          onSuccess: Effect.fnUntraced(function*(trace) {
            const { status, wallMs, ...totals } = costOf(trace, id)
            failedCosts.delete(id)
            if (isOver(status)) waits.delete(id)
            else waits.set(id, { since: waitOf(flow, trace), readAt: yield* Clock.currentTimeMillis })
            const cost = knownCostOf(totals)
            if (cost.costUsd !== undefined && isOver(status)) costs.set(id, cost)
            const run = list.get(id)
            if (run === undefined) return
            const { unknownCosts, ...others } = run
            yield* put({
              ...others,
              ...cost.costUsd === undefined && unknownCosts !== undefined && { unknownCosts },
              // the trace of a run that has ended may be behind
              ...(isOver(status) || !isOver(run.status)) && cost,
              // a row that the server did not list
              ...run.status === "unknown" && { status, durationMs: wallMs }
            })
          })
        }),
        permits.withPermits(1)
      )

    /** Reads the costs of rows in the background. */
    const priced = ({ runs }: RunPage): Effect.Effect<void> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.forEach(
          runs.filter((run) =>
            !costs.has(run.id) && (run.costUsd === undefined || isOver(run.status) || isStale(run.id, now)) &&
            !(now - (failedCosts.get(run.id) ?? 0) < costRetry)
          ),
          (run) => FiberMap.run(fetching, run.id, fetchCost(run), { onlyIfMissing: true }),
          { discard: true }
        ))

    /** Reads the cost of a run that began or went on since the list was read, if it is in the first page. */
    const pricedIfNew = (run: Run): Effect.Effect<void> =>
      isRead && list.page({}, firstPage).runs.includes(run) ? priced({ runs: [run], total: 1 }) : Effect.void

    const run: StudioSource.Service["run"] = Effect.fnUntraced(
      function*(flow, id) {
        const trace = yield* traceOf(keyOf(flow, id)).pipe(
          Effect.mapError(toFailure),
          Effect.tapBoth({
            onFailure: (error) =>
              Effect.sync(() => void (outage = error._tag === "Unavailable" ? error.message : outage)),
            onSuccess: () => Effect.sync(() => void (outage = undefined))
          })
        )
        const facts = watched.get(id)
        const start = millisOf(trace.flowRun.startedAt)
        const cost = knownCostOf(costOf(trace, id))
        if (cost.costUsd !== undefined && isOver(trace.flowRun.status)) costs.set(id, cost)
        if (isOver(trace.flowRun.status)) waits.delete(id)
        else {
          waits.set(id, { since: waitOf(flow, trace), readAt: yield* Clock.currentTimeMillis })
        }
        const row = { ...rowOf(flow, trace.flowRun), ...cost }
        // its row tells the same as its page
        if (list.get(id) !== undefined) yield* put(row)
        return {
          run: completed(row),
          trace,
          ...facts !== undefined && start !== undefined && { watched: Watched.since(facts, start) },
          ...facts !== undefined && { conversations: facts.conversations }
        }
      }
    )

    const watch: StudioSource.Service["watch"] = (flow, id) =>
      Stream.unwrapScoped(Effect.gen(function*() {
        const { flowRun } = yield* traceOf(keyOf(flow, id)).pipe(Effect.mapError(toFailure))
        if (isOver(flowRun.status)) return Stream.make(undefined)
        const since = yield* Clock.currentTimeMillis
        const start = millisOf(flowRun.startedAt)
        const events = yield* Queue.sliding<void>(1)
        const ended = yield* Deferred.make<void, NotFound | Unavailable>()
        yield* runs.liveTrace(flow, id, {
          heal: Schedule.exponential("1 second").pipe(Schedule.union(Schedule.spaced("30 seconds")))
        }).pipe(
          Stream.mapError(toFailure),
          Stream.runForEach((event) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              watched.add(id, event, { now, since, start })
              return Queue.offer(events, undefined)
            })
          ),
          Effect.intoDeferred(ended),
          Effect.forkScoped
        )
        const reread = traces.invalidate(keyOf(flow, id))
        const growing = Stream.fromQueue(events, { maxChunkSize: 1 }).pipe(
          Stream.throttle({ cost: () => 1, units: 1, duration: traceAge, strategy: "shape" }),
          Stream.tap(() => reread),
          Stream.merge(Stream.execute(Deferred.await(ended)), { haltStrategy: "right" })
        )
        const last = Effect.zipRight(reread, run(flow, id)).pipe(
          Effect.flatMap((stored) => put(stored.run)),
          Effect.ignore
        )
        return Stream.make(undefined).pipe(Stream.concat(growing), Stream.concat(Stream.execute(last)))
      }))

    const isListed = ({ executionId }: SessionExecution): boolean =>
      list.get(executionId) !== undefined || known.has(executionId)

    const idOf = ({ flow, flowId }: ShownFlow): string | undefined => flowId ?? flowIds.get(flow)

    /** Reads the ids of the flows that have the name of a flow of a session: another project may have that name, too. */
    const readFlowIds = (executions: ReadonlyArray<SessionExecution>): Effect.Effect<void> => {
      const slugs = new Set(executions.flatMap((one) => isListed(one) || one.slug === undefined ? [] : [one.slug]))
      const named = shown.filter((one) =>
        idOf(one) === undefined && slugs.has(one.flow.slice(one.flow.lastIndexOf("/") + 1))
      )
      return Effect.forEach(named, (one) => Effect.ignore(flowIdOf(one)), { concurrency, discard: true })
    }

    /** The flow of a run of a session, which tells only the last part of its name. */
    const flowOf = ({ executionId, flowId, slug }: SessionExecution): string | undefined => {
      const seenRun = list.get(executionId) ?? known.get(executionId)
      if (seenRun !== undefined) return seenRun.flow
      const ofId = flowId === undefined ? undefined : shown.find((one) => idOf(one) === flowId)
      if (ofId !== undefined || slug === undefined) return ofId?.flow
      const { org, project } = defaults
      // a key of the service is of one project; a session of an emulator may have runs of several
      return kind !== "emulator" && org !== undefined && project !== undefined ? `${org}/${project}/${slug}` : undefined
    }

    return {
      source: Effect.map(Effect.suspend(() => isRead ? checked : refresh), () => ({
        kind,
        address,
        flows: shown.map(({ flow }) => flow).sort(),
        ...outage !== undefined && { outage },
        missing: [
          ...outage === undefined ? [] : [{ what: "The newest runs", why: outage }],
          ...shown.length === 0 ? [noFlows] : [],
          ...[...problems].map(([flow, why]) => ({ what: `The list of ${flow}`, why })),
          ...alwaysMissing
        ]
      })),
      list: Effect.fnUntraced(function*(filter, page) {
        if (!isRead) yield* refresh
        // otherwise the list is polled
        else if (readers === 0) yield* Effect.forkIn(Effect.ignore(refresh), scope)
        const found = list.page(filter, page)
        yield* priced(found)
        return found
      }),
      changes: Effect.acquireRelease(
        Effect.suspend(() => {
          readers++
          return hasReaders.open
        }),
        () => Effect.suspend(() => --readers === 0 ? hasReaders.close : Effect.void)
      ).pipe(
        Effect.zipRight(PubSub.subscribe(changes)),
        Effect.map((queue) => Stream.fromQueue(queue))
      ),
      points: (filter) => Effect.map(isRead ? Effect.void : refresh, () => list.points(filter)),
      run,
      watch,
      session: Effect.fnUntraced(function*(id) {
        const session = yield* sessions.read(id)
        yield* readSeen
        yield* readFlowIds(session.executions)
        const read = yield* Effect.forEach(session.executions, (execution) => {
          const flow = flowOf(execution)
          const row = Sessions.rowOf(session.sessionId, flow, execution)
          sessionIds.set(row.id, session.sessionId)
          const before = list.get(row.id)
          // the list may tell other times, and would change again and again
          const listed = before?.status === row.status ? before : row
          return Effect.as(flow === undefined ? Effect.void : put(listed), completed(row))
        })
        yield* priced({ runs: read.filter(({ id }) => list.get(id) !== undefined), total: read.length })
        return { session, runs: read }
      }),
      cassette: sessions.cassette,
      reconciler
    }
  })

/**
 * Reads runs through `RunService`, and sessions through `SessionService`. Costs are read for the rows of pages, at most 4 at
 * once, and kept for runs that have ended. Nothing is read while no page is open. Throws a `TypeError` for a wrong or unknown
 * option.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<StudioSource, never, NoukaiHttp | RunService | SessionService> =>
  Layer.scoped(StudioSource, make(checked(options)))
