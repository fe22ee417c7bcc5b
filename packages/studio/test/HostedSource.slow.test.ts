/** The runs of a server behind HTTP, which an emulator stands for. */
import { type EmulatorOptions, samples } from "@effect-noukai/emulator"
import { make as makeEmulator } from "@effect-noukai/emulator/Emulator"
import { FlowService, Noukai, RunService } from "@effect-noukai/sdk"
import type { ToolDeclaration } from "@effect-noukai/sdk/Tools"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Option, Redacted, Ref, Stream } from "effect"
import { until } from "./support/client.js"

const hello = "noukai/samples/hello-world"
const weather = "noukai/samples/tools-enabled"
const slow = "acme/test/slow"
const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const flows: EmulatorOptions["flows"] = [
  ...samples,
  {
    ref: slow,
    steps: [
      { kind: "template", id: "a", duration: 1_200, output: 1 },
      { kind: "template", id: "b", duration: 100, output: 2 }
    ]
  }
]

interface Setting extends EmulatorOptions {
  readonly key?: string
  readonly wrap?: (runs: RunService["Type"]) => RunService["Type"]
}

const page = { offset: 0, limit: 100 }

/** A server, and a studio's source that reads it. */
const start = ({ key, wrap = (runs) => runs, ...options }: Setting = {}) =>
  Effect.gen(function*() {
    const emulator = yield* makeEmulator({ flows, ...options })
    const { apiKey, baseUrl } = emulator
    const services = yield* Layer.build(
      Noukai.layer({ apiKey: key === undefined ? apiKey : Redacted.make(key), baseUrl })
    )
    const own = yield* Layer.build(Noukai.layer({ apiKey, baseUrl }))
    const flowService = Context.get(own, FlowService)
    const seen = yield* Ref.make<ReadonlyArray<HostedSource.SeenRun>>([])
    const context = yield* Layer.build(
      HostedSource.layer({ address: baseUrl, seen: Ref.get(seen), interval: "10 millis" }).pipe(
        Layer.provide(Layer.succeed(RunService, wrap(Context.get(services, RunService)))),
        Layer.provide(Layer.succeedContext(services))
      )
    )
    const execute = (flow: string, facts: Partial<HostedSource.SeenRun> = {}) =>
      Effect.gen(function*() {
        const { executionId = "", flowId } = yield* flowService.execute(flow, { message: "hi" })
        yield* Ref.update(seen, (all) => [...all, { flow, id: executionId, flowId, ...facts }])
        return executionId
      })
    const requests = Effect.map(emulator.ledger, (ledger) => ledger.requests.map(({ endpoint }) => endpoint ?? ""))
    return { emulator, flowService, execute, seen, requests, source: Context.get(context, StudioSource) }
  })

describe("the list", () => {
  it.scopedLive("has the runs of all seen flows, with what the server and the machine know of them", () =>
    Effect.gen(function*() {
      const { execute, flowService, source } = yield* start()
      const first = yield* execute(hello, { version: "3", sessionId: "s-1" })
      // of another machine
      const { executionId: other = "" } = yield* flowService.execute(hello, { message: "x" })
      const last = yield* execute("noukai/samples/two-step")
      const { runs, total } = yield* source.list({}, page)
      assert.strictEqual(total, 3)
      assert.deepStrictEqual(
        runs.map(({ flow, id, sessionId, status, trigger, version }) => ({
          flow,
          id,
          sessionId,
          status,
          trigger,
          version
        })),
        [
          {
            id: last,
            flow: "noukai/samples/two-step",
            status: "completed",
            trigger: "execute",
            version: undefined,
            sessionId: undefined
          },
          { id: other, flow: hello, status: "completed", trigger: "execute", version: undefined, sessionId: undefined },
          { id: first, flow: hello, status: "completed", trigger: "execute", version: "3", sessionId: "s-1" }
        ].sort((one, another) =>
          runs.findIndex(({ id }) => id === one.id) - runs.findIndex(({ id }) => id === another.id)
        )
      )
      assert.isTrue(runs.every(({ durationMs, startedAt }) => durationMs !== undefined && startedAt !== undefined))
      const told = yield* source.source
      assert.deepStrictEqual(told.flows, [hello, "noukai/samples/two-step"])
      assert.strictEqual(told.kind, "hosted")
      assert.deepStrictEqual(told.missing.map(({ what }) => what), [
        "Runs before the newest 100 of a flow",
        "Versions and sessions of other runs"
      ])
    }))

  it.scopedLive("names the lack of flows on a new machine", () =>
    Effect.gen(function*() {
      const { requests, source } = yield* start()
      assert.deepStrictEqual(yield* source.list({}, page), { runs: [], total: 0 })
      const { missing } = yield* source.source
      assert.match(missing[0]!.why, /`noukai run`/)
      assert.deepStrictEqual(yield* requests, [])
    }))

  it.scopedLive("learns the id of a flow from a run of it", () =>
    Effect.gen(function*() {
      const { execute, requests, source } = yield* start()
      yield* execute(hello, { flowId: undefined })
      assert.strictEqual((yield* source.list({}, page)).total, 1)
      assert.deepStrictEqual((yield* requests).slice(0, 3), ["execute", "trace", "runList"])
    }))

  it.scopedLive("has the seen runs of a flow that the server does not list, and names it", () =>
    Effect.gen(function*() {
      const { execute, source } = yield* start({ runPaths: "seq", refusedRunPaths: 403 })
      const id = yield* execute(hello, { at: 5 })
      const { runs } = yield* source.list({}, page)
      assert.deepStrictEqual(runs, [{ id, flow: hello, status: "unknown", startedAt: 5 }])
      // its other facts are those of its trace
      const { runs: [row] } = yield* until(source.list({}, page), ({ runs: [row] }) => row?.costUsd !== undefined)
      assert.deepStrictEqual([row!.status, row!.costUsd], ["completed", "0.00012"])
      assert.isDefined(row!.durationMs)
      const { missing: [problem] } = yield* source.source
      assert.strictEqual(problem!.what, `The list of ${hello}`)
    }))

  it.scopedLive("reads costs of listed rows, at most 4 at once and each once", () =>
    Effect.gen(function*() {
      let atOnce = 0
      let most = 0
      const read: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const { execute, source } = yield* start({
        wrap: (runs) => ({
          ...runs,
          trace: (flow, id) =>
            Effect.suspend(() => {
              read.push(id)
              most = Math.max(most, ++atOnce)
              return Deferred.await(gate)
            }).pipe(
              Effect.zipRight(runs.trace(flow, id)),
              Effect.ensuring(Effect.sync(() => atOnce--))
            )
        })
      })
      const ids = yield* Effect.forEach(Array.from({ length: 12 }), () => execute(hello))
      const { runs } = yield* source.list({}, { offset: 0, limit: 9 })
      assert.isTrue(runs.every(({ costUsd }) => costUsd === undefined))
      yield* until(Effect.sync(() => atOnce), (count) => count === 4)
      // rows that are asked for again meanwhile are not read again
      yield* source.list({}, { offset: 0, limit: 9 })
      yield* Deferred.succeed(gate, undefined)
      const priced = yield* until(source.list({}, { offset: 0, limit: 9 }), ({ runs }) =>
        runs.every(({ costUsd }) => costUsd === "0.00012"))
      assert.strictEqual(priced.runs.length, 9)
      // the reads of the costs tell the other facts
      assert.isTrue(priced.runs.every(({ input, output }) =>
        input === "hi" && output !== undefined
      ))
      assert.strictEqual(most, 4)
      assert.deepStrictEqual(new Set(read).size, read.length)
      assert.strictEqual(read.length, 9)
      assert.isTrue(read.every((id) => ids.includes(id)))
    }))
})

describe("changes", () => {
  it.scopedLive("come by polls, which begin with the first page and end with the last", () =>
    Effect.gen(function*() {
      const { execute, requests, source } = yield* start()
      yield* execute(hello)
      yield* source.list({}, page)
      const before = yield* until(requests, (all) => all.filter((one) => one === "trace").length === 1)
      const ids = yield* Effect.scoped(Effect.gen(function*() {
        const changes = yield* source.changes
        const reading = yield* Effect.fork(Stream.runHead(Stream.filter(changes, (change) =>
          change._tag === "Changed" && change.run.id !== before[0] && change.run.costUsd === undefined)))
        const id = yield* execute(hello)
        const change = yield* Fiber.join(reading)
        return [id, change]
      }))
      assert.isDefined(ids[1])
      assert.include(JSON.stringify(ids[1]), ids[0] as string)
    }))
})

describe("costs of runs that change", () => {
  it.scopedLive("are read of a run that begins while the list is open", () =>
    Effect.gen(function*() {
      const { execute, source } = yield* start()
      yield* execute(hello)
      yield* source.list({}, page)
      const changes = yield* source.changes
      const id = yield* execute(hello)
      const priced = yield* changes.pipe(
        Stream.filterMap((change) =>
          change._tag === "Changed" && change.run.id === id ? Option.fromNullable(change.run.costUsd) : Option.none()
        ),
        Stream.runHead,
        Effect.timeout("5 seconds")
      )
      assert.deepStrictEqual(priced, Option.some("0.00012"))
    }))

  it.scopedLive("stay while the run goes on, and are read again at its end", () =>
    Effect.gen(function*() {
      const { emulator, flowService, seen, source } = yield* start({
        flows: [{
          ref: slow,
          steps: [
            { kind: "template", id: "a", output: 1, costUsd: "0.1" },
            { kind: "template", id: "b", duration: 800, output: 2, costUsd: "0.2" }
          ]
        }]
      })
      const running = yield* Effect.fork(flowService.execute(slow, {}))
      const { executionId: id } = yield* emulator.awaitEvent((event) => event.type === "StepStarted") as Effect.Effect<
        { executionId: string }
      >
      yield* Ref.set(seen, [{ flow: slow, id }])
      const changes = yield* source.changes
      yield* source.list({}, page)
      const costs = yield* changes.pipe(
        Stream.filterMap((change) =>
          change._tag === "Changed" && change.run.costUsd !== "0.3" ? Option.some(change.run.costUsd) : Option.none()
        ),
        Stream.interruptWhen(until(source.list({}, page), ({ runs: [run] }) => run?.costUsd === "0.3")),
        Stream.runCollect,
        Effect.timeout("5 seconds")
      )
      const known = [...costs].slice([...costs].findIndex((cost) => cost !== undefined))
      assert.isTrue(known.length > 0 && known.every((cost) => cost !== undefined), JSON.stringify([...costs]))
      yield* Fiber.join(running)
    }))
})

/** A run that goes on, whose cost so far is in the list. */
const startPriced = Effect.gen(function*() {
  const { emulator, flowService, seen, source } = yield* start({
    flows: [{
      ref: slow,
      steps: [
        { kind: "template", id: "a", output: 1, costUsd: "0.1" },
        { kind: "template", id: "b", duration: 1_000, output: 2, costUsd: "0.2" }
      ]
    }]
  })
  const running = yield* Effect.fork(flowService.execute(slow, { sessionId: session }))
  const { executionId: id } = yield* emulator.awaitEvent((event) => event.type === "StepStarted") as Effect.Effect<
    { executionId: string }
  >
  yield* Ref.set(seen, [{ flow: slow, id }])
  yield* until(source.list({}, page), ({ runs: [run] }) => run?.status === "running" && run.costUsd === "0.1")
  return { emulator, id, running, source }
})

describe("the cost of a run that has ended", () => {
  it.scopedLive("is that of its trace, and not the one of the list before", () =>
    Effect.gen(function*() {
      const { id, running, source } = yield* startPriced
      yield* Fiber.join(running)
      // no page reads the list meanwhile
      const { run } = yield* until(source.run(slow, id), ({ run }) => run.status === "completed")
      assert.strictEqual(run.costUsd, "0.3")
      assert.deepStrictEqual((yield* source.session(session)).runs.map(({ costUsd }) => costUsd), ["0.3"])
    }))

  it.scopedLive("is not known if it cannot be read", () =>
    Effect.gen(function*() {
      const { emulator, running, source } = yield* startPriced
      yield* emulator.addFaults({ match: { endpoint: "trace" }, faults: ["503"], rate: 1, seed: 1 })
      yield* Fiber.join(running)
      // a session is read at once, and the list with the next poll
      assert.deepStrictEqual((yield* source.session(session)).runs.map(({ costUsd }) => costUsd), [undefined])
      const { runs } = yield* until(source.list({}, page), ({ runs: [run] }) => run?.status === "completed")
      assert.deepStrictEqual(runs.map(({ costUsd }) => costUsd), [undefined])
    }))

  it.scopedLive("is at least what is known where a step used tokens and has no cost, in the list and of the run", () =>
    Effect.gen(function*() {
      const untold = "acme/test/untold"
      const tokens = { prompt: 3, completion: 1 }
      const { execute, source } = yield* start({
        flows: [{
          ref: untold,
          steps: [
            { kind: "template", id: "a", output: 1, tokens, costUsd: "12.440310001" },
            { kind: "template", id: "b", output: 2, tokens }
          ]
        }]
      })
      const id = yield* execute(untold)
      const expected = ["12.440310001", 1]
      const { runs } = yield* until(source.list({}, page), ({ runs: [run] }) => run?.costUsd !== undefined)
      assert.deepStrictEqual(runs.map(({ costUsd, unknownCosts }) => [costUsd, unknownCosts]), [expected])
      const { run } = yield* source.run(untold, id)
      assert.deepStrictEqual([run.costUsd, run.unknownCosts], expected)
    }))

  it.scopedLive("is not known while its trace is behind its list", () =>
    Effect.gen(function*() {
      let reads = 0
      const { execute, source } = yield* start({
        wrap: (runs) => ({
          ...runs,
          trace: (flow, id) =>
            Effect.map(runs.trace(flow, id), (trace) => {
              reads++
              return { ...trace, flowRun: { ...trace.flowRun, status: "running" } }
            })
        })
      })
      yield* execute(hello)
      // it is read again when the read before has ended
      const { runs } = yield* until(source.list({}, page), () => reads >= 2)
      assert.deepStrictEqual(runs.map(({ costUsd, status }) => [status, costUsd]), [["completed", undefined]])
    }))
})

describe("a run that waits for its caller", () => {
  it.scopedLive("says since when in the list, its session and its page, once its trace was read", () =>
    Effect.gen(function*() {
      const { flowService, seen, source } = yield* start({
        flows: [{ ref: slow, steps: ["a", "b"].map((id) => ({ kind: "template", id, output: 1, costUsd: "0.1" })) }]
      })
      const began = Date.now()
      const error = yield* Effect.flip(flowService.execute(slow, { sessionId: session, maxCostUsd: 0.05 }))
      const id = "executionId" in error ? String(error.executionId) : ""
      yield* Ref.set(seen, [{ flow: slow, id }])
      const { runs } = yield* until(source.list({}, page), ({ runs: [run] }) => run?.waitsSince !== undefined)
      assert.isAtLeast(runs[0]!.waitsSince!, began)
      const waitsSince = runs[0]!.waitsSince
      assert.deepStrictEqual((yield* source.session(session)).runs.map((run) => run.waitsSince), [waitsSince])
      assert.strictEqual((yield* source.run(slow, id)).run.waitsSince, waitsSince)
    }))
})

describe("a server that does not answer", () => {
  const many: EmulatorOptions["flows"] = Array.from({ length: 12 }, (_, nth) => ({
    ref: `acme/test/flow-${nth}`,
    steps: [{ kind: "template", id: "a", output: 1 }]
  }))

  it.scopedLive(
    "is told at the next question, however many flows there are, and so is its return",
    () =>
      Effect.gen(function*() {
        const { emulator, execute, source } = yield* start({ flows: many })
        for (const { ref } of many ?? []) yield* execute(String(ref))
        yield* source.list({}, page)
        assert.isUndefined((yield* source.source).outage)
        yield* emulator.addFaults({ match: { endpoint: "runList" }, faults: ["500"], rate: 1, seed: 1 })
        // one question takes at most 1.5 seconds, and a page asks every 2
        yield* until(source.source, ({ outage }) => outage !== undefined).pipe(Effect.timeout("5 seconds"))
        yield* emulator.clearFaults
        yield* until(source.source, ({ outage }) => outage === undefined).pipe(Effect.timeout("10 seconds"))
      }),
    30_000
  )
})

describe("problems", () => {
  const key = "nk_test_refused_99999999999999999999999999999999"

  it.scopedLive("are the messages of the SDK with advice, without the key", () =>
    Effect.gen(function*() {
      const { execute, flowService: _, source, seen } = yield* start({
        key,
        keys: [{ key: "nk_test_known_0000000000000000", org: "noukai", project: "samples" }]
      })
      const id = yield* execute(hello)
      for (
        const effect of [
          source.list({}, page),
          source.source,
          source.run(hello, id),
          Stream.runDrain(source.watch(hello, id))
        ]
      ) {
        const error = yield* Effect.flip(
          effect as Effect.Effect<
            unknown,
            { readonly _tag: string; readonly message: string; readonly advice?: string }
          >
        )
        assert.strictEqual(error._tag, "Unavailable")
        assert.match(error.advice ?? "", /noukai doctor/)
        assert.notMatch(error.message, /^RunService/)
        assert.notInclude(JSON.stringify(error), "9999")
      }
      assert.strictEqual((yield* Ref.get(seen)).length, 1)
    }))

  it.scopedLive("of runs that there are not are no failures of the server", () =>
    Effect.gen(function*() {
      const { source } = yield* start()
      for (const [flow, id] of [[hello, "none"], ["no/such/flow", "none"]] as const) {
        assert.strictEqual((yield* Effect.flip(source.run(flow, id)))._tag, "NotFound")
      }
    }))
})

describe("two pages that read one run", () => {
  it.scopedLive("are apart: one that leaves while it waits does not end the other", () =>
    Effect.gen(function*() {
      const { emulator, execute, source } = yield* start()
      const id = yield* execute(hello)
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["delay:200"] })
      const leaving = yield* Effect.fork(source.run(hello, id))
      yield* emulator.awaitEvent(({ type }) => type === "Waiting")
      const staying = yield* Effect.fork(source.run(hello, id))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(leaving)
      assert.strictEqual((yield* Fiber.join(staying)).trace.flowRun.status, "completed")
      assert.strictEqual((yield* source.run(hello, id)).run.id, id)
    }))
})

const tools: ReadonlyArray<ToolDeclaration> = [
  { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } }
]

describe("a run that is watched", () => {
  it.scopedLive("tells its first output by the watcher's clock, and rereads its trace at most once a second", () =>
    Effect.gen(function*() {
      const { emulator, flowService, requests, source } = yield* start()
      const running = yield* Effect.fork(flowService.execute(slow, {}))
      const { executionId } = yield* emulator.awaitEvent((event) => event.type === "StepStarted") as Effect.Effect<
        { executionId: string }
      >
      let seen = 0
      yield* Stream.runForEach(source.watch(slow, executionId), () =>
        Effect.map(source.run(slow, executionId), () => {
          seen++
        }))
      yield* Fiber.join(running)
      const { run, trace, watched } = yield* source.run(slow, executionId)
      assert.strictEqual(run.status, "completed")
      assert.strictEqual(watched!.clock, "watcher")
      // the first step takes 1,200 ms
      assert.isAtLeast(watched!.firstOutputMs!, 1_150)
      assert.strictEqual(trace.steps.length, 2)
      assert.isAtLeast(seen, 1)
      const traces = (yield* requests).filter((one) => one === "trace").length
      assert.isAtMost(traces, 5)
    }))

  it.scopedLive("tells its pauses, and the messages of its tools", () =>
    Effect.gen(function*() {
      const { emulator, flowService, source } = yield* start({
        flows: [{
          ref: weather,
          steps: [
            { kind: "template", id: "first", duration: 700, output: 1 },
            ...samples.find(({ ref }) => ref === weather)!.steps
          ]
        }]
      })
      const pausing = yield* Effect.fork(flowService.execute(weather, { message: "Weather?", tools }))
      const { executionId } = yield* emulator.awaitEvent((event) => event.type === "StepStarted") as Effect.Effect<
        { executionId: string }
      >
      const watching = yield* Effect.fork(Stream.runDrain(source.watch(weather, executionId)))
      const paused = yield* Fiber.join(pausing)
      if (paused.status !== "tool_calls_required") return assert.fail("the run did not pause")
      const waiting = yield* until(source.run(weather, executionId), ({ watched }) => (watched?.pauses.length ?? 0) > 0)
      assert.isUndefined(waiting.watched!.pauses[0]!.durationMs)
      const { state, toolCalls } = paused
      yield* flowService.resume(state.flow, state, toolCalls.map(({ id }) => ({ toolCallId: id, content: "{}" })))
      yield* Fiber.join(watching)
      const { conversations, watched } = yield* source.run(weather, executionId)
      assert.isAtLeast(watched!.pauses[0]!.startMs, 650)
      assert.isAtLeast(watched!.pauses[0]!.durationMs!, 0)
      assert.strictEqual(watched!.pauses[0]!.stepId, "assistant")
      assert.include(JSON.stringify(conversations), "get_weather")
    }))

  it.scopedLive("that has ended is read once", () =>
    Effect.gen(function*() {
      const { execute, requests, source } = yield* start()
      const id = yield* execute(hello)
      yield* Stream.runDrain(source.watch(hello, id))
      yield* source.run(hello, id)
      yield* source.run(hello, id)
      assert.deepStrictEqual(yield* requests, ["execute", "trace"])
    }))
})
