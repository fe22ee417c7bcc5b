/**
 * An emulator of this process: its runs and sessions, and the emulator itself. Nothing is requested, so that its ledger and
 * its output stay as they are.
 *
 * @since 0.1.0
 */
import type { RunChange as EmulatorChange, RunFacts, RunRecord } from "@effect-noukai/emulator/EmulatorRuns"
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
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Emulator from "./internal/emulator.js"
import * as FlowTotals from "./internal/flowTotals.js"
import * as Sessions from "./internal/sessions.js"
import { sharedSuccess } from "./internal/shared.js"
import { hasEnded } from "./internal/times.js"
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

const make = (
  emulator: EmulatorService
): Effect.Effect<Context.Context<StudioSource | StudioEmulator>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { baseUrl, flows, runs } = emulator
    const list = RunList.make()
    const totals = FlowTotals.make()
    const changes = yield* PubSub.sliding<RunChange>(10_000)
    const scope = yield* Effect.scope
    // the transport of the SDK takes time to load, which a start does not have
    const loading = yield* Effect.cached(Effect.forkIn(
      Effect.flatMap(
        Effect.promise(() => import("./internal/emulatorSessions.js")),
        ({ make }) => Scope.extend(make(runs), scope)
      ),
      scope
    ))
    // the load goes on if the page that began it goes away: later reads need it
    const sessions = Effect.flatMap(loading, Fiber.join)

    const put = (run: Run): void => {
      totals.replace(list.get(run.id), run)
      list.put(run)
    }

    const read = Effect.map(runs.list, (all) => {
      list.clear()
      totals.clear()
      // the oldest first, as the list is kept
      for (const record of all.toReversed()) put(runOf(record))
    })

    const apply = (change: EmulatorChange): Effect.Effect<void> => {
      switch (change.type) {
        case "Changed": {
          const run = runOf(change.run)
          put(run)
          return PubSub.publish(changes, { _tag: "Changed", run })
        }
        case "Evicted":
          totals.replace(list.get(change.executionId), undefined)
          list.remove(change.executionId)
          return PubSub.publish(changes, { _tag: "Gone", id: change.executionId })
        case "Reset":
          return Effect.zipRight(read, PubSub.publish(changes, { _tag: "Reset" }))
      }
    }

    const stream = yield* runs.changes
    yield* read
    yield* Effect.forkScoped(Stream.runForEach(stream, apply))

    const found = (flow: string, id: string): Effect.Effect<Run, NotFound> =>
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

    // a trace of 10,000 steps takes time to decode, and each step of it is asked for by itself
    const traces = yield* Cache.makeWith({
      capacity: 8,
      lookup: ([id]: readonly [id: string, isOver: boolean, ...facts: ReadonlyArray<Run[keyof Run]>]) =>
        Effect.flatMap(runs.trace(id), (json) => decodeTrace(Option.getOrUndefined(json))),
      timeToLive: Exit.match({
        onFailure: () => Duration.zero,
        onSuccess: ({ flowRun: { status } }) => hasEnded(status) ? Duration.minutes(1) : Duration.zero
      })
    })
    const traceOf = sharedSuccess(traces)

    const source: StudioSource.Service = {
      source: Effect.map(flows, (flows) => ({
        kind: "emulator",
        address: baseUrl,
        flows: flows.toSorted(),
        missing: []
      })),
      list: (filter, page) => Effect.sync(() => list.page(filter, page)),
      points: (filter) => Effect.sync(() => list.points(filter)),
      changes: Effect.map(PubSub.subscribe(changes), (queue) => Stream.fromQueue(queue)),
      run: Effect.fnUntraced(function*(flow, id) {
        const run = yield* found(flow, id)
        const facts = Option.getOrUndefined(yield* runs.facts(id))
        const trace = yield* Effect.mapError(
          // a run of single steps may go on after its end, and after a reset another run has the id
          traceOf(Data.tuple(id, hasEnded(run.status), run.startedAt, run.durationMs, run.costUsd)),
          () => new Unavailable({ message: `The trace of run ${id} cannot be read.` })
        )
        return {
          run,
          trace,
          ...facts !== undefined && {
            watched: watchedOf(facts, run.startedAt ?? 0),
            conversations: facts.conversations
          },
          ...facts?.request !== undefined && { request: facts.request }
        }
      }),
      watch: (flow, id) =>
        Stream.unwrapScoped(Effect.gen(function*() {
          const queue = yield* PubSub.subscribe(changes)
          if (hasEnded((yield* found(flow, id)).status)) return Stream.make(undefined)
          const ofRun = Stream.fromQueue(queue).pipe(
            Stream.filter((change) =>
              change._tag === "Reset" || (change._tag === "Gone" ? change.id : change.run.id) === id
            ),
            Stream.takeUntil((change) => change._tag !== "Changed" || hasEnded(change.run.status)),
            Stream.as(undefined)
          )
          return Stream.merge(ofRun, Stream.make(undefined), { haltStrategy: "left" })
        })),
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
      Context.add(StudioEmulator, yield* Emulator.make(emulator, totals))
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
