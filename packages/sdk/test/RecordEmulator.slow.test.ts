/** One program, three layers: live, recorded, replayed; on the emulator. */
import { Emulator, type Flow as EmulatedFlow, samples } from "@effect-noukai/emulator"
import { FlowService, JobService, Noukai, NoukaiRecord, ReplayCassette, RunService, Tools } from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import type { Mode } from "@effect-noukai/sdk/NoukaiRecord"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Schema, Stream } from "effect"
import { join } from "node:path"
import { folder, list, read } from "./support/folder.js"
import { share } from "./support/size.js"

const flows: ReadonlyArray<EmulatedFlow> = [
  ...samples,
  {
    ref: "acme/test/failing",
    steps: [
      { kind: "template", id: "a", output: 1 },
      { kind: "fail", id: "b", code: "X", message: "it broke", status: 502 }
    ]
  },
  {
    ref: "acme/test/slow",
    steps: [{ kind: "template", id: "a", output: { late: true }, duration: "1500 millis", costUsd: "0.1" }]
  }
]

const emulatorOf = (streamOutputs: "hosted" | "documented") =>
  Emulator.layer({
    flows,
    organisations: { noukai: { capture: "full" }, acme: { capture: "full" } },
    // long enough that a poll on a busy machine still sees the job wait: the cassette has what polls saw
    jobs: { queueDelay: "1500 millis" },
    streamOutputs
  })

const weather = (answer: string) =>
  Tools.make(Tools.tool({
    name: "get_weather",
    description: "The weather of a city",
    parameters: Schema.Struct({ city: Schema.String }),
    handler: ({ city }) => Effect.succeed(`${answer} in ${city}`)
  }))

const shown = (error: object) => ({
  ...Object.fromEntries(
    Object.entries(error).filter(([key, value]) => key !== "cause" && value !== undefined)
  ),
  message: "message" in error ? error.message : undefined
})

/** Everything there is to call, and everything that callers see of it. */
const program = Effect.gen(function*() {
  const service = yield* FlowService
  const jobs = yield* JobService
  const runs = yield* RunService
  const events = <E>(stream: Stream.Stream<object, E>) =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const end = yield* Effect.either(
        Stream.runForEach(stream, (event) => Effect.sync(() => seen.push(JSON.parse(JSON.stringify(event)))))
      )
      return [seen, end._tag === "Left" ? shown(end.left as object) : "ended"]
    })

  const hello = yield* service.execute("noukai/samples/hello-world", { message: "hi" })
  const withTools = yield* service.execute("noukai/samples/tools-enabled", {
    message: "Lisbon?",
    tools: weather("sunny")
  })
  const failed = shown(yield* Effect.flip(service.execute("acme/test/failing", {})))
  const notFound = shown(yield* Effect.flip(service.execute("acme/test/nowhere", {})))
  const bySteps = yield* events(service.steps("noukai/samples/two-step", { message: "hi" }))
  const byEvents = yield* events(service.events("noukai/samples/two-step", { message: "hi", runRemaining: true }))
  const toolEvents = yield* events(
    service.events("noukai/samples/tools-enabled", { message: "Lisbon?", tools: weather("rainy") })
  )
  const failing = yield* events(service.events("acme/test/failing", {}))
  const cut = yield* events(service.events("noukai/samples/two-step", {
    message: "cut",
    runRemaining: true,
    headers: { "x-noukai-emulator-fault": "cut:e3" }
  }))
  const healed = yield* events(service.events("noukai/samples/two-step", {
    message: "heal",
    heal: Schedule.recurs(2),
    headers: { "x-noukai-emulator-fault": "cut:e2" }
  }))
  const job = yield* jobs.submit("acme/test/slow", {})
  // how many polls see a job wait or run is a matter of time
  const [statuses, end] = yield* events(Job.updates(job, Schedule.spaced("50 millis")))
  const updates = [(statuses as ReadonlyArray<unknown>).at(-1), end]
  const result = yield* job.result()
  const trace = yield* runs.trace("noukai/samples/hello-world", hello.executionId!)
  const stepTrace = yield* runs.stepTrace("noukai/samples/hello-world", hello.executionId!, "greet", { attempt: "all" })
  const liveTrace = yield* events(runs.liveTrace("noukai/samples/hello-world", hello.executionId!))
  const summary = yield* runs.summary("noukai/samples/hello-world", hello.executionId!)
  return {
    hello,
    withTools,
    failed,
    notFound,
    bySteps,
    byEvents,
    toolEvents,
    failing,
    cut,
    healed,
    updates,
    result,
    trace,
    stepTrace,
    liveTrace,
    summary
  }
})

const recording = (path: string, mode: Mode) => NoukaiRecord.toFile(path, { mode, live: Noukai.layerServices })

const requests = Effect.map(
  Effect.flatMap(Emulator, ({ ledger }) => ledger),
  ({ requestsReceived }) => requestsReceived
)

/** Values that differ between two runs of the same thing. */
const comparable = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, item: unknown) =>
      ["executionId", "requestId", "runId", "id", "durationMs", "startedAt", "completedAt"].includes(key)
        ? undefined
        : typeof item === "string"
        ? item.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|req[-_]\w+/g, "<id>")
        : item)
  )

const shapes = ["hosted", "documented"] as const

describe.concurrent.each(shapes)("one program, three layers, streams in the %s shape", (shape) => {
  const emulator = emulatorOf(shape)

  it.scopedLive("live and recorded equal but for ids and times, recorded and replayed equal; no request in the replay", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "all.json")
      const live = yield* Effect.provide(program, Noukai.layerServices)
      const recorded = yield* Effect.provide(program, recording(path, "once"))
      assert.deepStrictEqual(comparable(recorded), comparable(live))
      const before = yield* requests
      const replayed = yield* Effect.provide(Effect.zipLeft(program, ReplayCassette.verify), recording(path, "once"))
      assert.deepStrictEqual(replayed, recorded)
      const again = yield* Effect.provide(Effect.zipLeft(program, ReplayCassette.verify), recording(path, "none"))
      assert.deepStrictEqual(again, recorded)
      assert.strictEqual(yield* requests, before)
    }).pipe(Effect.provide(emulator)))

  it.scopedLive("recording it again, with other ids and times, leaves the file untouched, byte for byte", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const path = join(dir, "all.json")
      yield* Effect.provide(program, recording(path, "all"))
      const first = yield* read(path)
      yield* Effect.provide(program, recording(path, "all"))
      const second = yield* read(path)
      assert.strictEqual(second, first)
      assert.deepStrictEqual(yield* list(dir), ["all.json"])
    }).pipe(Effect.provide(emulator)))

  it.scopedLive("a stream that was left replays as far as it was read, and says so if more is asked", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "left.json")
      const events = Stream.unwrap(Effect.map(FlowService, (service) =>
        service.events("noukai/samples/two-step", {
          message: "hi",
          runRemaining: true,
          headers: { "x-noukai-emulator-fault": "stall:60000:e2" }
        })))
      const first = Effect.map(Stream.runCollect(Stream.take(events, 2)), (all) => [...all].map(({ type }) => type))
      const recorded = yield* Effect.provide(first, recording(path, "all"))
      assert.deepStrictEqual(recorded, ["run_started", "step_started"])
      assert.deepStrictEqual(yield* Effect.provide(first, recording(path, "none")), recorded)
      const error = yield* Effect.flip(Effect.provide(Stream.runDrain(events), recording(path, "none")))
      assert.strictEqual(error._tag, "ReplayMissError")
      assert.match(error.message, /left the stream here/)
    }).pipe(Effect.provide(emulator)))

  it.scopedLive("position and strict replay it too", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "all.json")
      const recorded = yield* Effect.provide(program, recording(path, "all"))
      for (const match of share(["position", "strict"] as const, shapes.indexOf(shape), shapes.length)) {
        const layer = NoukaiRecord.toFile(path, { mode: "none", match, live: Noukai.layerServices })
        assert.deepStrictEqual(yield* Effect.provide(Effect.zipLeft(program, ReplayCassette.verify), layer), recorded)
      }
    }).pipe(Effect.provide(emulator)))
})

/** Every new emulator deals the same execution ids from the start. */
describe("a new run whose id a recorded one had", () => {
  const watched = (path: string, mode: Mode, messages: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const service = yield* FlowService
      return yield* Effect.forEach(
        messages,
        (message) => Stream.runCollect(service.events("noukai/samples/two-step", { message }))
      )
    }).pipe(
      Effect.map((runs) => runs.map((events) => Array.from(events, ({ type }) => type))),
      Effect.provide(NoukaiRecord.toFile(path, { mode, live: Layer.provide(Noukai.layerServices, Emulator.layer()) }))
    )

  it.scopedLive("is followed where it runs, and replays with the others", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "new.json")
      const [first] = yield* watched(path, "all", ["a"])
      assert.strictEqual(first!.at(-1), "flow_completed")
      assert.deepStrictEqual(yield* watched(path, "new", ["a", "b"]), [first, first])
      assert.deepStrictEqual(yield* watched(path, "new", ["b", "c", "a"]), [first, first, first])
      assert.deepStrictEqual(yield* watched(path, "none", ["c", "a", "b"]), [first, first, first])
    }))
})
