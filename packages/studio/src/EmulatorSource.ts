/**
 * An emulator of this process: its runs and sessions, and the emulator itself. Nothing is requested, so that its ledger and
 * its output stay as they are.
 *
 * @since 0.1.0
 */
import type {
  EmulatorRuns,
  RunChange as EmulatorChange,
  RunFacts,
  RunRecord
} from "@effect-noukai/emulator/EmulatorRuns"
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import { Trace } from "@effect-noukai/sdk/Trace"
import * as Cache from "effect/Cache"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Emulator from "./internal/emulator.js"
import * as FlowTotals from "./internal/flowTotals.js"
import * as Sessions from "./internal/sessions.js"
import { sharedSuccess } from "./internal/shared.js"
import { hasEnded } from "./internal/times.js"
import { toldOf } from "./internal/told.js"
import * as RunList from "./RunList.js"
import { NotFound, type Run, Unavailable } from "./RunsApi.js"
import { StudioEmulator } from "./StudioEmulator.js"
import { type RunChange, StudioSource } from "./StudioSource.js"

const decodeTrace = Schema.decodeUnknown(Trace)

const runOf = (
  {
    billedUsd,
    endedAt,
    executionId,
    flow,
    flowId,
    sessionId,
    startedAt,
    status,
    trigger,
    unknownCosts,
    version,
    waitsSince
  }: RunRecord
): Run => ({
  id: executionId,
  flow,
  flowId,
  status,
  trigger,
  startedAt,
  costUsd: billedUsd,
  ...unknownCosts !== undefined && { unknownCosts },
  ...version !== undefined && { version },
  ...sessionId !== undefined && { sessionId },
  ...endedAt !== undefined && { durationMs: endedAt - startedAt },
  ...waitsSince !== undefined && { waitsSince }
})

/** The times of a run by the emulator's own clock. */
const watchedOf = ({ firstOutputAt, pauses }: RunFacts, start: number) => ({
  clock: "server" as const,
  ...firstOutputAt !== undefined && { firstOutputMs: firstOutputAt - start },
  pauses: pauses.map(({ endedAt, startedAt, stepId }) => ({
    stepId,
    startMs: startedAt - start,
    ...endedAt !== undefined && { durationMs: endedAt - startedAt }
  }))
})

/** The runs of an emulator as rows, with the totals of its flows and the changes. */
interface Rows {
  readonly list: RunList.RunList
  readonly totals: FlowTotals.FlowTotals
  readonly changes: PubSub.PubSub<RunChange>
  /** The number of pages that follow the list. */
  readers: number
  /** The rows that a page shows, and that are to tell what their traces do. Of too many, the newest are kept. */
  readonly shown: Queue.Queue<Run>
}

/** The trace of a run with more steps is decoded when its page is opened. */
const mostSteps = 1_000

/** Adds the facts of its trace to the row of a run that has ended. Traces take time to decode, so pages do not wait for it. */
const tell = (rows: Rows, runs: EmulatorRuns, { id }: Run): Effect.Effect<void> =>
  Effect.gen(function*() {
    const run = rows.list.get(id)
    const json = Option.getOrUndefined(yield* runs.trace(id))
    if (
      run === undefined || isTold(run) || !Predicate.hasProperty(json, "steps") || !Array.isArray(json.steps) ||
      json.steps.length > mostSteps
    ) return
    const told = { ...run, ...toldOf(yield* decodeTrace(json)) }
    if (rows.list.get(id) !== run || !isTold(told)) return
    put(rows, told)
    yield* PubSub.publish(rows.changes, { _tag: "Changed", run: told })
  }).pipe(Effect.ignore)

const isTold = ({ error, input, model, output, status, tokens }: Run): boolean =>
  !hasEnded(status) || [error, input, model, output, tokens].some((fact) => fact !== undefined)

const telling = (rows: Rows, runs: EmulatorRuns): Effect.Effect<never> =>
  Queue.takeBetween(rows.shown, 1, 25).pipe(
    Effect.flatMap(
      Effect.forEach((run) => Effect.zipLeft(tell(rows, runs, run), Effect.yieldNow()), { discard: true })
    ),
    Effect.zipRight(Effect.sleep("50 millis")),
    Effect.forever
  )

const put = ({ list, totals }: Rows, run: Run): void => {
  totals.replace(list.get(run.id), run)
  list.put(run)
}

const readAll = (rows: Rows, runs: EmulatorRuns): Effect.Effect<void> =>
  Effect.map(runs.list, (all) => {
    rows.list.clear()
    rows.totals.clear()
    // the oldest first, as the list is kept
    for (const record of all.toReversed()) put(rows, runOf(record))
  })

const apply = (rows: Rows, runs: EmulatorRuns, change: EmulatorChange): Effect.Effect<unknown> => {
  const { changes, list, shown, totals } = rows
  switch (change.type) {
    case "Changed": {
      const run = runOf(change.run)
      put(rows, run)
      const published = PubSub.publish(changes, { _tag: "Changed", run })
      return rows.readers > 0 && hasEnded(run.status) ? Effect.zipRight(published, shown.offer(run)) : published
    }
    case "Evicted":
      totals.replace(list.get(change.executionId), undefined)
      list.remove(change.executionId)
      return PubSub.publish(changes, { _tag: "Gone", id: change.executionId })
    case "Reset":
      return Effect.zipRight(readAll(rows, runs), PubSub.publish(changes, { _tag: "Reset" }))
  }
}

/** Reads the runs, and follows their changes. */
const follow = (runs: EmulatorRuns): Effect.Effect<Rows, never, Scope.Scope> =>
  Effect.gen(function*() {
    const rows: Rows = {
      list: RunList.make(),
      totals: FlowTotals.make(),
      changes: yield* PubSub.sliding<RunChange>(10_000),
      readers: 0,
      shown: yield* Queue.sliding<Run>(500)
    }
    const stream = yield* runs.changes
    yield* readAll(rows, runs)
    yield* Effect.forkScoped(Stream.runForEach(stream, (change) => apply(rows, runs, change)))
    yield* Effect.forkScoped(telling(rows, runs))
    return rows
  })

const found = (runs: EmulatorRuns, flow: string, id: string): Effect.Effect<Run, NotFound> =>
  Effect.flatMap(
    runs.get(id),
    Option.match({
      onNone: () =>
        new NotFound({
          message: `The emulator does not have run ${id}. It keeps the newest runs, until it is stopped.`
        }),
      onSome: (record) =>
        record.flow === flow
          ? Effect.succeed(runOf(record))
          : new NotFound({ message: `Run ${id} is of ${record.flow}, not of ${flow}.` })
    })
  )

/** A run of single steps may go on after its end, and after a reset another run has the id. */
type TraceKey = readonly [id: string, hasEnded: boolean, ...facts: ReadonlyArray<Run[keyof Run]>]

/** Returns the read of traces. A trace of 10,000 steps takes time to decode, and a page asks for each step of it by itself. */
const tracesOf = (runs: EmulatorRuns) =>
  Effect.map(
    Cache.makeWith({
      capacity: 8,
      lookup: ([id]: TraceKey) => Effect.flatMap(runs.trace(id), (json) => decodeTrace(Option.getOrUndefined(json))),
      timeToLive: Exit.match({
        onFailure: () => Duration.zero,
        onSuccess: ({ flowRun: { status } }) => hasEnded(status) ? Duration.minutes(1) : Duration.zero
      })
    }),
    (traces) => {
      const read = sharedSuccess(traces)
      return ({ costUsd, durationMs, id, startedAt, status }: Run): Effect.Effect<Trace, Unavailable> =>
        Effect.mapError(
          read(Data.tuple(id, hasEnded(status), startedAt, durationMs, costUsd)),
          () => new Unavailable({ message: `The trace of run ${id} cannot be read.` })
        )
    }
  )

/** Loads the reads of sessions in the background: the transport of the SDK takes time to load, which a start does not have. */
const sessionsOf = (runs: EmulatorRuns) =>
  Effect.flatMap(Effect.scope, (scope) => {
    const loading = Effect.promise(() => import("./internal/emulatorSessions.js")).pipe(
      Effect.flatMap(({ make }) => Scope.extend(make(runs), scope)),
      Effect.forkIn(scope)
    )
    // the load goes on if the page that began it goes away: later reads need it
    return Effect.map(Effect.cached(loading), Effect.flatMap(Fiber.join))
  })

/** Emits at once, and whenever a run changes, until it has ended. */
const watch = (runs: EmulatorRuns, { changes }: Rows): StudioSource.Service["watch"] => (flow, id) =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const queue = yield* PubSub.subscribe(changes)
    if (hasEnded((yield* found(runs, flow, id)).status)) return Stream.make(undefined)
    const ofRun = Stream.fromQueue(queue).pipe(
      Stream.filter((change) => change._tag === "Reset" || (change._tag === "Gone" ? change.id : change.run.id) === id),
      Stream.takeUntil((change) => change._tag !== "Changed" || hasEnded(change.run.status)),
      Stream.as(undefined)
    )
    return Stream.merge(ofRun, Stream.make(undefined), { haltStrategy: "left" })
  }))

const make = (
  emulator: EmulatorService
): Effect.Effect<Context.Context<StudioSource | StudioEmulator>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { baseUrl, flows, runs } = emulator
    const sessions = yield* sessionsOf(runs)
    const rows = yield* follow(runs)
    const traceOf = yield* tracesOf(runs)
    const source: StudioSource.Service = {
      source: Effect.map(flows, (flows) => ({
        kind: "emulator",
        address: baseUrl,
        flows: flows.toSorted(),
        missing: []
      })),
      list: Effect.fnUntraced(function*(filter, page) {
        const found = rows.list.page(filter, page)
        // the newest is told first
        yield* rows.shown.offerAll(found.runs.filter((run) => !isTold(run)))
        return found
      }),
      runs: (filter) => Effect.sync(() => rows.list.all(filter)),
      points: (filter) => Effect.sync(() => rows.list.points(filter)),
      changes: Effect.zipRight(
        Effect.acquireRelease(
          Effect.sync(() => void rows.readers++),
          () => Effect.sync(() => void rows.readers--)
        ),
        Effect.map(PubSub.subscribe(rows.changes), (queue) => Stream.fromQueue(queue))
      ),
      run: Effect.fnUntraced(function*(flow, id) {
        const run = yield* found(runs, flow, id)
        const facts = Option.getOrUndefined(yield* runs.facts(id))
        return {
          run,
          trace: yield* traceOf(run),
          ...facts !== undefined && {
            watched: watchedOf(facts, run.startedAt ?? 0),
            conversations: facts.conversations
          },
          ...facts?.request !== undefined && { request: facts.request }
        }
      }),
      watch: watch(runs, rows),
      session: Effect.fnUntraced(function*(id) {
        const session = yield* Effect.flatMap(sessions, ({ read }) => read(id))
        const shown = yield* Effect.forEach(session.executions, (execution) =>
          Effect.map(runs.get(execution.executionId), (record) =>
            Option.match(record, {
              onNone: () =>
                Sessions.rowOf(session.sessionId, undefined, execution),
              onSome: runOf
            })))
        return { session, runs: shown }
      }),
      cassette: (id) =>
        Effect.flatMap(sessions, ({ cassette }) => cassette(id)),
      flow: emulator.flow,
      reconciler: {
        isFree: true,
        findings: (expected, perSecond) =>
          Stream.unwrap(Effect.map(sessions, ({ reconciler }) => reconciler.findings(expected, perSecond)))
      }
    }
    return Context.make(StudioSource, source).pipe(
      Context.add(StudioEmulator, yield* Emulator.make(emulator, rows.totals))
    )
  })

/**
 * Shows an emulator of this process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (emulator: EmulatorService): Layer.Layer<StudioSource | StudioEmulator> =>
  Layer.scopedContext(make(emulator))
