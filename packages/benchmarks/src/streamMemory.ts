/**
 * `npm run memory [-- --events 1000000]`
 *
 * Reads one step with that many `step_output` events, healing on, and samples the heap after a collection on the way.
 * Fails when it held more in the second half than in the first.
 */
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Redacted, Schedule, Schema, Stream } from "effect"
import { parseArgs } from "node:util"
import { collectGarbage, mib } from "./Memory.js"
import { startServerProcess } from "./ServerProcess.js"

const { values } = parseArgs({ options: { events: { type: "string", default: "1000000" } } })
const events = Number(values.events)
const samplesTaken = 20

/** How much more than in the first half the heap may hold in the second, in bytes. */
const slack = 1024 * 1024

class Grew extends Schema.TaggedError<Grew>()("Grew", { from: Schema.Number, to: Schema.Number }) {
  override get message(): string {
    return `the heap grew from ${this.from} to ${this.to}`
  }
}

class Lost extends Schema.TaggedError<Lost>()("Lost", { seen: Schema.Number }) {
  override get message(): string {
    return `${this.seen} outputs instead of ${events}`
  }
}

const emulator = Effect.acquireRelease(
  Effect.promise(() => startServerProcess("streamMemoryServerProcess", String(events))),
  ({ close }) => Effect.promise(close)
)

const sample = (): { readonly heap: number; readonly resident: number } => {
  collectGarbage()
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed + arrayBuffers, resident: rss }
}

const program = Effect.gen(function*() {
  const { message: baseUrl } = yield* emulator
  yield* Effect.provide(
    Effect.gen(function*() {
      const flows = yield* FlowService
      const heaps: Array<number> = []
      let seen = 0
      const began = performance.now()
      yield* Stream.runForEachChunk(
        flows.events("bench/bench/chatty", { message: "hi", heal: Schedule.recurs(3) }),
        (chunk) =>
          Effect.suspend(() => {
            const before = seen
            for (const event of chunk) if (event.type === "step_output") seen++
            const every = Math.max(1, Math.floor(events / samplesTaken))
            if (Math.floor(before / every) === Math.floor(seen / every)) return Effect.void
            const { heap, resident } = sample()
            heaps.push(heap)
            return Console.log(`${seen} outputs  heap ${mib(heap)}  resident ${mib(resident)}`)
          })
      )
      const seconds = (performance.now() - began) / 1000
      if (seen !== events) return yield* new Lost({ seen })
      const half = Math.floor(heaps.length / 2)
      const from = Math.max(...heaps.slice(0, half))
      const to = Math.max(...heaps.slice(half))
      if (to > from + slack) return yield* new Grew({ from, to })
      yield* Console.log(
        `constant: ${events} outputs in ${seconds.toFixed(1)} s, the heap held at most ${
          mib(from)
        } in the first half ` +
          `and ${mib(to)} in the second`
      )
    }),
    Noukai.layer({ baseUrl, apiKey: Redacted.make("nk_test_memory") })
  )
})

NodeRuntime.runMain(Effect.scoped(program))
