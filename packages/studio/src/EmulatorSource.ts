/** The runs of an emulator in this process. Nothing is requested, so that its ledger and its output stay as they are. */
import type { RunChange as EmulatorChange, RunFacts, RunRecord } from "@effect-noukai/emulator/EmulatorRuns"
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import { Trace } from "@effect-noukai/sdk/Trace"
import * as RunList from "@effect-noukai/studio/RunList"
import { NotFound, type Run, Unavailable } from "@effect-noukai/studio/RunsApi"
import { type RunChange, StudioSource } from "@effect-noukai/studio/StudioSource"
import * as Cache from "effect/Cache"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

const decodeTrace = Schema.decodeUnknown(Trace)

const runOf = (
  { billedUsd, endedAt, executionId, flow, flowId, sessionId, startedAt, status, trigger, version }: RunRecord
): Run => ({
  id: executionId,
  flow,
  flowId,
  status,
  trigger,
  startedAt,
  costUsd: billedUsd,
  ...version !== undefined && { version },
  ...sessionId !== undefined && { sessionId },
  ...endedAt !== undefined && { durationMs: endedAt - startedAt }
})

const isOver = ({ status }: Pick<Run, "status">): boolean => status !== "pending" && status !== "running"

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
  { baseUrl, flows, runs }: EmulatorService
): Effect.Effect<StudioSource.Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const list = RunList.make()
    const changes = yield* PubSub.sliding<RunChange>(10_000)

    const read = Effect.map(runs.list, (all) => {
      list.clear()
      // the oldest first, as the list is kept
      for (const record of all.toReversed()) list.put(runOf(record))
    })

    const apply = (change: EmulatorChange): Effect.Effect<void> => {
      switch (change.type) {
        case "Changed": {
          const run = runOf(change.run)
          list.put(run)
          return PubSub.publish(changes, { _tag: "Changed", run })
        }
        case "Evicted":
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
      lookup: (
        [id]: readonly [id: string, isOver: boolean, durationMs: number | undefined, costUsd: string | undefined]
      ) => Effect.flatMap(runs.trace(id), (json) => decodeTrace(Option.getOrUndefined(json))),
      timeToLive: Exit.match({
        onFailure: () => Duration.zero,
        onSuccess: ({ flowRun: { status } }) => isOver({ status }) ? Duration.minutes(1) : Duration.zero
      })
    })

    return {
      source: Effect.map(flows, (flows) => ({
        kind: "emulator",
        address: baseUrl,
        flows: flows.toSorted(),
        missing: []
      })),
      list: (filter, page) => Effect.sync(() => list.page(filter, page)),
      changes: Effect.map(PubSub.subscribe(changes), (queue) => Stream.fromQueue(queue)),
      run: Effect.fnUntraced(function*(flow, id) {
        const run = yield* found(flow, id)
        const facts = Option.getOrUndefined(yield* runs.facts(id))
        const trace = yield* Effect.mapError(
          // a run of single steps may go on after its end
          traces.get(Data.tuple(id, isOver(run), run.durationMs, run.costUsd)),
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
          if (isOver(yield* found(flow, id))) return Stream.make(undefined)
          const ofRun = Stream.fromQueue(queue).pipe(
            Stream.filter((change) =>
              change._tag === "Reset" || (change._tag === "Gone" ? change.id : change.run.id) === id
            ),
            Stream.takeUntil((change) => change._tag !== "Changed" || isOver(change.run)),
            Stream.as(undefined)
          )
          return Stream.merge(ofRun, Stream.make(undefined), { haltStrategy: "left" })
        }))
    }
  })

/** Shows the runs of an emulator of this process. */
export const layer = (emulator: EmulatorService): Layer.Layer<StudioSource> =>
  Layer.scoped(StudioSource, make(emulator))
