/**
 * `npm run test:soak -- [--minutes 30]`
 *
 * Mixed load on one client against an emulator in its own process, with faults: executions, tool loops, event streams
 * that heal, streams that are left early, interruptions, jobs, traces. Samples heap and handles after a collection, and
 * fails when either grew from the middle third of the time to the last.
 */
import { Flow, FlowService, JobService, Noukai, RunService, Tools } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Predicate, Random, Redacted, Schedule, Schema, Stream } from "effect"
import { parseArgs } from "node:util"
import { collectGarbage, mib } from "./Memory.js"
import { startServerProcess } from "./ServerProcess.js"

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } })
const minutes = Number(values.minutes)

const sampleEvery = Duration.seconds(Math.max(1, minutes))
const workers = 4

/** How much more than in the middle third the heap may hold in the last, in bytes. */
const heapSlack = 4 * 1024 * 1024

class Grew extends Schema.TaggedError<Grew>()("Grew", { what: Schema.String, from: Schema.Number, to: Schema.Number }) {
  override get message(): string {
    return `${this.what} grew from ${this.from} to ${this.to}`
  }
}

const emulator = Effect.acquireRelease(
  Effect.promise(() => startServerProcess("soakServerProcess")),
  ({ close }) => Effect.promise(close)
)

const Hello = Flow.make("noukai/samples/hello-world")
const TwoStep = Flow.make("noukai/samples/two-step")

const tools = Tools.handle(
  [{ type: "function", function: { name: "get_weather" } }],
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "sunny" })))
)

/** Every kind of work, by turns; what faults make of it is counted, not fatal. */
const work = Effect.gen(function*() {
  const flows = yield* FlowService
  const jobs = yield* JobService
  const runs = yield* RunService
  const events = flows.events(TwoStep, { message: "hi", heal: Schedule.recurs(3) })
  const kinds: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
    flows.execute(Hello, { message: "hi" }),
    flows.execute("noukai/samples/tools-enabled", { message: "weather", tools }),
    Stream.runDrain(events),
    Stream.runDrain(Stream.take(events, 2)),
    Effect.timeout(Stream.runDrain(events), Duration.millis(3)),
    Effect.timeout(flows.execute(Hello, { message: "hi" }), Duration.millis(1)),
    Effect.flatMap(
      jobs.submit(Hello, { message: "hi" }),
      (job) => job.wait({ schedule: Schedule.spaced("20 millis"), timeout: "2 seconds" })
    ),
    Effect.flatMap(
      flows.execute(Hello, { message: "hi", snapshots: true }),
      ({ executionId }) => runs.trace(Hello, executionId ?? "")
    )
  ]
  const counts = { done: 0, failed: 0, byTag: new Map<string, number>() }
  const oneOf = Effect.gen(function*() {
    const kind = kinds[yield* Random.nextIntBetween(0, kinds.length)]!
    const outcome = yield* Effect.either(kind)
    if (outcome._tag === "Right") counts.done++
    else {
      const tag = Predicate.hasProperty(outcome.left, "_tag") ? String(outcome.left._tag) : "untagged"
      counts.failed++
      counts.byTag.set(tag, (counts.byTag.get(tag) ?? 0) + 1)
    }
    yield* Effect.sleep(Duration.millis(10))
  })
  return { counts, loop: Effect.forever(oneOf) }
})

interface Sample {
  readonly heap: number
  readonly handles: number
}

const sample = Effect.sync((): Sample => {
  collectGarbage()
  return { heap: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo().length }
})

const median = (numbers: ReadonlyArray<number>): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!

const isFlat = (samples: ReadonlyArray<Sample>): Effect.Effect<string, Grew> =>
  Effect.gen(function*() {
    const third = Math.floor(samples.length / 3)
    // the first third is compiled code and warm pools as much as work
    const middle = samples.slice(third, 2 * third)
    const last = samples.slice(-third)
    const heap = [median(middle.map((s) => s.heap)), median(last.map((s) => s.heap))] as const
    const handles = [Math.max(...middle.map((s) => s.handles)), Math.min(...last.map((s) => s.handles))] as const
    if (heap[1] > heap[0] + heapSlack) return yield* new Grew({ what: "the heap", from: heap[0], to: heap[1] })
    if (handles[1] > handles[0]) return yield* new Grew({ what: "handles", from: handles[0], to: handles[1] })
    return `flat: heap ${mib(heap[0])} -> ${mib(heap[1])} (medians of the middle and the last third), ` +
      `handles at most ${handles[0]} -> at least ${handles[1]}`
  })

const program = Effect.gen(function*() {
  const { message: baseUrl } = yield* emulator
  const layer = Noukai.layer({ baseUrl, apiKey: Redacted.make("nk_test_soak") })
  yield* Effect.provide(
    Effect.gen(function*() {
      const { counts, loop } = yield* work
      yield* Effect.forEach(Array.from({ length: workers }), () => Effect.forkScoped(loop), { discard: true })
      const samples: Array<Sample> = []
      const took = Math.max(6, Math.floor(minutes * 60_000 / Duration.toMillis(sampleEvery)))
      for (let n = 1; n <= took; n++) {
        yield* Effect.sleep(sampleEvery)
        const now = yield* sample
        samples.push(now)
        yield* Console.log(
          `${n}/${took}  heap ${mib(now.heap)}  handles ${now.handles}  ` +
            `done ${counts.done}  failed ${counts.failed}`
        )
      }
      const failures = [...counts.byTag].map(([tag, n]) => `${tag} ${n}`).join(", ")
      yield* Console.log(`failures by tag, of faults and of time-outs on purpose: ${failures}`)
      yield* Console.log(`${minutes} min, ${counts.done + counts.failed} operations; ${yield* isFlat(samples)}`)
    }),
    layer
  )
})

NodeRuntime.runMain(Effect.scoped(program))
