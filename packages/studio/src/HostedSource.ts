/**
 * The runs of the hosted service for a studio. The service lists the newest 100 runs of one flow at a time, and neither
 * flows, versions nor sessions: those come from the caller.
 *
 * @since 0.1.0
 */
import { isNegativeTime, type Names, orThrow } from "@effect-noukai/sdk/kit/names"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { RunService } from "@effect-noukai/sdk/RunService"
import { type SessionExecution, SessionService } from "@effect-noukai/sdk/SessionService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Flows from "./internal/hostedFlows.js"
import * as Polls from "./internal/hostedPolls.js"
import * as Rows from "./internal/hostedRows.js"
import * as Runs from "./internal/hostedRuns.js"
import * as Traces from "./internal/hostedTraces.js"
import * as Reconciler from "./internal/reconciler.js"
import * as SessionReads from "./internal/sessionReads.js"
import * as Sessions from "./internal/sessions.js"
import type { Run, Source } from "./RunsApi.js"
import { StudioSource } from "./StudioSource.js"

export type { SeenRun } from "./internal/hostedFlows.js"

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
  readonly seen: Effect.Effect<ReadonlyArray<Flows.SeenRun>>
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
  if (time === undefined || !Duration.isFinite(time) || isNegativeTime(interval)) {
    throw new TypeError("HostedSource.layer: invalid interval: must be a duration, at least 0 and with an end")
  }
  return options
}

/** The facts that are always missing, each with what to do about it. */
const alwaysMissing = [
  {
    what: `Runs before the newest ${Rows.longestPage} of a flow`,
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

const sourceOf = (
  { address, kind }: Pick<Source, "address" | "kind">,
  { shown }: Flows.SeenFlows,
  { outage, problems }: Polls.HostedPolls
): Omit<Source, "views"> => {
  const why = outage()
  return {
    kind,
    address,
    flows: shown.map(({ flow }) => flow).sort(),
    ...why !== undefined && { outage: why },
    missing: [
      ...why === undefined ? [] : [{ what: "The newest runs", why }],
      ...shown.length === 0 ? [noFlows] : [],
      ...[...problems].map(([flow, why]) => ({ what: `The list of ${flow}`, why })),
      ...alwaysMissing
    ]
  }
}

/** The runs of a session as rows, in its order. Those whose flow is known are put into the list. */
const rowsOfSession = Effect.fnUntraced(function*(
  { sessionId, executions }: { readonly sessionId: string; readonly executions: ReadonlyArray<SessionExecution> },
  flows: Flows.SeenFlows,
  rows: Rows.HostedRows,
  defaults: Flows.Defaults
) {
  const listed = ({ executionId }: SessionExecution) => rows.list.get(executionId) ?? flows.known.get(executionId)
  const slugs = executions.flatMap((one) => listed(one) !== undefined || one.slug === undefined ? [] : [one.slug])
  yield* Flows.readIdsOf(flows, new Set(slugs), Rows.concurrency)
  const read: ReadonlyArray<Run> = yield* Effect.forEach(executions, (execution) => {
    const flow = listed(execution)?.flow ?? Flows.flowOf(flows, execution, defaults)
    const row = Sessions.rowOf(sessionId, flow, execution)
    rows.sessionIds.set(row.id, sessionId)
    const before = rows.list.get(row.id)
    // the list may tell other times, and would change again and again
    const shown = before?.status === row.status ? before : row
    return Effect.as(flow === undefined ? Effect.void : Rows.put(rows, shown), Rows.completed(rows, row))
  })
  yield* Rows.priced(rows, read.filter(({ id }) => rows.list.get(id) !== undefined))
  return read
})

const make = (
  { address, interval = "3 seconds", kind = "hosted", seen }: Options
): Effect.Effect<StudioSource.Service, never, NoukaiHttp | RunService | SessionService | Scope.Scope> =>
  Effect.gen(function*() {
    const runs = yield* RunService
    const { defaults } = yield* NoukaiHttp
    const sessions = yield* SessionReads.make
    const scope = yield* Effect.scope
    const traces = yield* Traces.make(runs)
    const flows = Flows.make(traces)
    const rows = yield* Rows.make(runs, flows)
    const polls = yield* Polls.make({ address, interval, seen }, flows, rows)
    const { list } = rows
    return {
      source: Effect.map(
        Effect.suspend(() => rows.isRead ? polls.check : polls.refresh),
        () => sourceOf({ address, kind }, flows, polls)
      ),
      list: Effect.fnUntraced(function*(filter, page) {
        if (!rows.isRead) yield* polls.refresh
        else if (!polls.isPolling()) yield* Effect.forkIn(Effect.ignore(polls.refresh), scope)
        const found = list.page(filter, page)
        yield* Rows.priced(rows, found.runs)
        return found
      }),
      changes: Effect.map(
        Effect.zipRight(polls.reading, PubSub.subscribe(rows.changes)),
        (queue) => Stream.fromQueue(queue)
      ),
      runs: (filter) => Effect.map(rows.isRead ? Effect.void : polls.refresh, () => list.all(filter)),
      points: (filter) => Effect.map(rows.isRead ? Effect.void : polls.refresh, () => list.points(filter)),
      ...Runs.make(rows, traces, polls),
      session: Effect.fnUntraced(function*(id) {
        const session = yield* sessions.read(id)
        yield* polls.readSeen
        // a key of the service is of one project; a session of an emulator may have runs of several
        const shown = yield* rowsOfSession(session, flows, rows, kind === "emulator" ? {} : defaults)
        return { session, runs: shown }
      }),
      cassette: sessions.cassette,
      reconciler: Reconciler.make(runs, yield* SessionService, false)
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
