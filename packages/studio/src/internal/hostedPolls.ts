/** Polls the lists of the hosted service, and notes whether its server answers. */
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import * as Cache from "effect/Cache"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Unavailable } from "../RunsApi.js"
import { messageOf, toUnavailable } from "./failures.js"
import * as Flows from "./hostedFlows.js"
import * as Rows from "./hostedRows.js"
import { shared } from "./shared.js"

/** The most time for which a poll waits for the costs of runs that have ended. */
const costTime = Duration.seconds(2)

/** The time in milliseconds without an answer after which the server is asked whether it is there, and for its answer. */
const silence = { ask: 1_500, most: 1_500 }

/** Whether the server refused one flow, and may list others. */
const isOfFlow = ({ _tag }: CallError): boolean =>
  _tag === "FlowNotFoundError" || _tag === "PermissionDeniedError" || _tag === "UnexpectedResponseError"

export interface Options {
  readonly address: string
  readonly interval: Duration.DurationInput
  readonly seen: Effect.Effect<ReadonlyArray<Flows.SeenRun>>
}

interface State extends Options {
  readonly flows: Flows.SeenFlows
  readonly rows: Rows.HostedRows
  /** Why the runs of a flow could not be listed. */
  readonly problems: Map<string, string>
  /** Why the last read failed. */
  outage: string | undefined
  /** When the server last answered. */
  heardAt: number
  /** The number of pages that follow the list. */
  readers: number
  readonly hasReaders: Effect.Latch
}

export interface HostedPolls extends Pick<State, "problems"> {
  readonly outage: () => string | undefined
  /** Whether the list is polled: a page follows it. */
  readonly isPolling: () => boolean
  /** Reads all lists, unless they were read in this second. */
  readonly refresh: Effect.Effect<void, Unavailable>
  /** Asks the server whether it is there, unless it answered a moment ago. */
  readonly check: Effect.Effect<void>
  /** Polls while the scope is open. */
  readonly reading: Effect.Effect<void, never, Scope.Scope>
  /** Reads the seen runs. */
  readonly readSeen: Effect.Effect<void>
  /** Notes whether the server answered a read. */
  readonly noting: <A, E extends { readonly _tag: string; readonly message: string }>(
    read: Effect.Effect<A, E>
  ) => Effect.Effect<A, E>
}

const heard = (state: State): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    state.heardAt = now
    state.outage = undefined
  })

const noting = (state: State): HostedPolls["noting"] =>
  Effect.tapBoth({
    onFailure: ({ _tag, message }) =>
      Effect.sync(() => void (state.outage = _tag === "Unavailable" ? message : state.outage)),
    onSuccess: () => Effect.sync(() => void (state.outage = undefined))
  })

const readSeen = ({ flows, seen }: State): Effect.Effect<void> => Effect.map(seen, (all) => Flows.note(flows, all))

/** Reads the list of one flow into the rows. */
const readList = (state: State, shown: Flows.ShownFlow): Effect.Effect<void, CallError> =>
  Effect.gen(function*() {
    const { flows, problems, rows } = state
    const flowId = yield* Flows.readId(flows, shown)
    if (flowId === undefined) {
      problems.set(shown.flow, "The server did not tell the id of this flow, by which it lists runs.")
      return
    }
    const found = yield* rows.runs.list({ flowId, limit: Rows.longestPage }).pipe(
      Stream.take(Rows.longestPage),
      Stream.map((row) => Rows.rowOf(shown.flow, row)),
      Stream.runCollect
    )
    const ended = Chunk.filter(found, (row) =>
      Rows.hasEndedSince(rows, row) && rows.list.get(row.id)?.costUsd !== undefined)
    const costs = Effect.forEach(ended, (row) =>
      Rows.fetchCost(rows, row), { concurrency: Rows.concurrency })
    yield* Effect.timeoutOption(costs, costTime)
    yield* heard(state)
    yield* Effect.forEach(found, (row) => Rows.put(rows, row), { discard: true })
    problems.delete(shown.flow)
  })

/** Notes why a list was refused. Its seen runs take the place of its rows. */
const refused = ({ problems, rows }: State, shown: Flows.ShownFlow, error: CallError): Effect.Effect<void> =>
  Effect.suspend(() => {
    problems.set(shown.flow, messageOf(error))
    const missing = shown.runs.slice(0, Rows.longestPage).filter(({ id }) => rows.list.get(id) === undefined)
    return Effect.forEach(
      missing,
      ({ at, id }) =>
        Rows.put(rows, { id, flow: shown.flow, status: "unknown", ...at !== undefined && { startedAt: at } }),
      {
        discard: true
      }
    )
  })

/** Reads all lists. Fails if none of them could be read for a reason that has nothing to do with its flow. */
const poll = (state: State): Effect.Effect<void, Unavailable> =>
  Effect.gen(function*() {
    yield* readSeen(state)
    const { flows, rows } = state
    const read = yield* Effect.forEach(
      flows.shown,
      (shown) => Effect.either(Effect.tapError(readList(state, shown), (error) => refused(state, shown, error))),
      { concurrency: Rows.concurrency }
    )
    const errors = read.flatMap((one) => Either.isLeft(one) && !isOfFlow(one.left) ? [one.left] : [])
    const [error] = errors
    if (error !== undefined && errors.length === read.length) return yield* toUnavailable(error)
    rows.isRead = true
    const now = yield* Clock.currentTimeMillis
    yield* Rows.priced(rows, Rows.newest(rows).filter((run) => Rows.isStale(rows, run, now)))
  })

/** Asks for as little as there is, once. */
const ask = ({ flows, rows: { runs } }: State, shown: Flows.ShownFlow): Effect.Effect<unknown, CallError> => {
  const flowId = Flows.idOf(flows, shown)
  const [last] = shown.runs
  return flowId !== undefined
    ? Stream.runHead(runs.list({ flowId, limit: 1, retry: Schedule.stop }))
    : last === undefined
    ? Effect.void
    : runs.trace(shown.flow, last.id, { retry: Schedule.stop })
}

/** Notes whether the server is there, however long a poll of all flows takes. */
const probe = (state: State): Effect.Effect<void> =>
  Effect.gen(function*() {
    const [flow] = state.flows.shown
    if (flow === undefined || (yield* Clock.currentTimeMillis) - state.heardAt < silence.ask) return
    yield* ask(state, flow).pipe(
      Effect.catchIf(isOfFlow, () => Effect.void),
      Effect.mapError(messageOf),
      Effect.timeoutFail({
        duration: silence.most,
        onTimeout: () => `${state.address} has not answered for ${silence.most / 1_000} seconds.`
      }),
      Effect.matchEffect({
        onFailure: (message) => Effect.sync(() => void (state.outage = message)),
        onSuccess: () => heard(state)
      })
    )
  })

/** Runs an effect at most once a second, for all who wait for it. */
const eachSecond = <E>(effect: Effect.Effect<void, E>): Effect.Effect<Effect.Effect<void, E>> =>
  Effect.map(
    Cache.make({ capacity: 1, timeToLive: Duration.seconds(1), lookup: (_: "all") => effect }),
    (cache) => shared(cache)("all")
  )

const pollForever = (state: State, refresh: HostedPolls["refresh"]): Effect.Effect<never, Unavailable> =>
  Effect.zipRight(state.hasReaders.await, refresh).pipe(
    Effect.retry(
      Schedule.exponential("3 seconds").pipe(Schedule.union(Schedule.spaced("15 seconds")), Schedule.jittered)
    ),
    Effect.zipRight(
      Effect.suspend(() =>
        Effect.sleep(Duration.max(Duration.decode(state.interval), Duration.seconds(state.flows.shown.length)))
      )
    ),
    Effect.forever
  )

/** Starts to poll whenever a page follows the list, until the scope closes. */
export const make = (
  options: Options,
  flows: Flows.SeenFlows,
  rows: Rows.HostedRows
): Effect.Effect<HostedPolls, never, Scope.Scope> =>
  Effect.gen(function*() {
    const state: State = {
      ...options,
      flows,
      rows,
      problems: new Map(),
      outage: undefined,
      heardAt: 0,
      readers: 0,
      hasReaders: yield* Effect.makeLatch()
    }
    const refresh = yield* eachSecond(noting(state)(poll(state)))
    const check = yield* eachSecond(probe(state))
    yield* Effect.forkScoped(Effect.ignore(pollForever(state, refresh)))
    return {
      problems: state.problems,
      outage: () => state.outage,
      isPolling: () => state.readers > 0,
      refresh,
      check,
      reading: Effect.acquireRelease(
        Effect.suspend(() => {
          state.readers++
          return state.hasReaders.open
        }),
        () => Effect.suspend(() => --state.readers === 0 ? state.hasReaders.close : Effect.void)
      ),
      readSeen: readSeen(state),
      noting: noting(state)
    }
  })
