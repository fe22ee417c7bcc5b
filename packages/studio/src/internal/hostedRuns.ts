/** Reads one run of the hosted service, and watches it. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { NotFound, Unavailable } from "../RunsApi.js"
import type { StudioSource } from "../StudioSource.js"
import { knownCostOf } from "./detail.js"
import { toFailure } from "./failures.js"
import type { HostedPolls } from "./hostedPolls.js"
import * as Rows from "./hostedRows.js"
import { isOver, traceAge, type Traces } from "./hostedTraces.js"
import { millisOf } from "./times.js"
import * as Watched from "./watched.js"

type Reads = Pick<StudioSource.Service, "run" | "watch">

const reading = (rows: Rows.HostedRows, traces: Traces, { noting }: HostedPolls): Reads["run"] =>
  Effect.fnUntraced(function*(flow, id) {
    const trace = yield* noting(Effect.mapError(traces.read(flow, id), toFailure))
    const facts = rows.watched.get(id)
    const start = millisOf(trace.flowRun.startedAt)
    const row = { ...Rows.rowOf(flow, trace.flowRun), ...knownCostOf(yield* Rows.learn(rows, flow, id, trace)) }
    // its row tells the same as its page
    if (rows.list.get(id) !== undefined) yield* Rows.put(rows, row)
    return {
      run: Rows.completed(rows, row),
      trace,
      ...facts !== undefined && start !== undefined && { watched: Watched.since(facts, start) },
      ...facts !== undefined && { conversations: facts.conversations }
    }
  })

/** Follows the events of a run, and notes the facts that only its watcher knows. Ends when the run does. */
const events = Effect.fnUntraced(function*(
  { runs, watched }: Rows.HostedRows,
  flow: string,
  id: string,
  startedAt: string | undefined
) {
  const since = yield* Clock.currentTimeMillis
  const start = millisOf(startedAt)
  const queue = yield* Queue.sliding<void>(1)
  const ended = yield* Deferred.make<void, NotFound | Unavailable>()
  yield* runs.liveTrace(flow, id, {
    heal: Schedule.exponential("1 second").pipe(Schedule.union(Schedule.spaced("30 seconds")))
  }).pipe(
    Stream.mapError(toFailure),
    Stream.runForEach((event) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        watched.add(id, event, { now, since, start })
        return Queue.offer(queue, undefined)
      })
    ),
    Effect.intoDeferred(ended),
    Effect.forkScoped
  )
  return Stream.fromQueue(queue, { maxChunkSize: 1 }).pipe(
    Stream.throttle({ cost: () => 1, units: 1, duration: traceAge, strategy: "shape" }),
    Stream.merge(Stream.execute(Deferred.await(ended)), { haltStrategy: "right" })
  )
})

const watching = (rows: Rows.HostedRows, traces: Traces, run: Reads["run"]): Reads["watch"] => (flow, id) =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const { flowRun } = yield* Effect.mapError(traces.read(flow, id), toFailure)
    if (isOver(flowRun.status)) return Stream.make(undefined)
    const forget = traces.forget(flow, id)
    const growing = Stream.tap(yield* events(rows, flow, id, flowRun.startedAt), () => forget)
    const last = Effect.zipRight(forget, run(flow, id)).pipe(
      Effect.flatMap((stored) => Rows.put(rows, stored.run)),
      Effect.ignore
    )
    return Stream.make(undefined).pipe(Stream.concat(growing), Stream.concat(Stream.execute(last)))
  }))

export const make = (rows: Rows.HostedRows, traces: Traces, polls: HostedPolls): Reads => {
  const run = reading(rows, traces, polls)
  return { run, watch: watching(rows, traces, run) }
}
