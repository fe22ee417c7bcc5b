/** The runs of an emulator, read in its process. */
import { type EmulatorOptions, type Flow, samples } from "@effect-noukai/emulator"
import { make } from "@effect-noukai/emulator/Emulator"
import type { RunChange } from "@effect-noukai/emulator/EmulatorRuns"
import type { EmulatorService } from "@effect-noukai/emulator/EmulatorService"
import { FlowService, Noukai, RunService } from "@effect-noukai/sdk"
import type { ExecuteOptions } from "@effect-noukai/sdk/Execution"
import type { ToolDeclaration } from "@effect-noukai/sdk/Tools"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Stream } from "effect"

const flows: ReadonlyArray<Flow> = [
  ...samples,
  {
    ref: "acme/test/versions",
    steps: [{ kind: "template", id: "a", output: { text: "draft" } }],
    versions: {
      "1": { steps: [{ kind: "template", id: "a", output: 1 }] },
      "2": { steps: [{ kind: "template", id: "a", output: 2 }] }
    }
  },
  {
    ref: "acme/test/partials",
    steps: [{ kind: "template", id: "a", duration: 30, partials: ["x", "xy"], output: "xyz" }]
  },
  {
    ref: "acme/test/loop",
    steps: [{ kind: "loop", id: "l", times: 3, steps: [{ kind: "template", id: "i", output: "{{loop.index}}" }] }]
  },
  {
    ref: "acme/test/long",
    steps: [{ kind: "loop", id: "l", times: 6_000, steps: [{ kind: "template", id: "i", output: 1 }] }]
  }
]

const tools: ReadonlyArray<ToolDeclaration> = [
  { type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } }
]

const start = (options: EmulatorOptions = {}) =>
  Effect.gen(function*() {
    const emulator = yield* make({ flows, ...options })
    const { apiKey, baseUrl } = emulator
    const context = yield* Layer.build(Noukai.layer({ apiKey, baseUrl }))
    return {
      emulator,
      run: <A, E>(effect: Effect.Effect<A, E, FlowService | RunService>) => Effect.provide(effect, context)
    }
  })

const execute = (flow: string, input: object = { message: "hi" }) =>
  Effect.flatMap(FlowService, (service) => Effect.map(service.execute(flow, input), ({ executionId }) => executionId!))

const some = <A>(effect: Effect.Effect<Option.Option<A>>) => Effect.map(effect, Option.getOrThrow)

const take = (emulator: EmulatorService, last: (change: RunChange) => boolean) =>
  Effect.map(emulator.runs.changes, (changes) => Stream.runCollect(Stream.takeUntil(changes, last)))

describe("the runs of an emulator", () => {
  it.scopedLive("are those of its endpoints, without a request", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start()
      const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      const first = yield* run(execute("noukai/samples/two-step", { message: "hi", sessionId: session }))
      const second = yield* run(execute("acme/test/versions", { version: 1 }))
      const third = yield* run(execute("acme/test/versions"))
      const fourth = yield* run(execute("acme/test/versions", { version: "draft" }))
      const read = yield* run(Effect.flatMap(RunService, (runs) => runs.trace("noukai/samples/two-step", first)))
      const before = (yield* emulator.ledger).requestsReceived

      const list = yield* emulator.runs.list
      assert.deepStrictEqual(list.map(({ executionId, version }) => [executionId, version]), [
        [fourth, "draft"],
        [third, "2"],
        [second, "1"],
        [first, undefined]
      ])
      const [entry] = (yield* emulator.ledger).runs
      assert.deepStrictEqual(list[3], {
        executionId: first,
        flow: "noukai/samples/two-step",
        flowId: entry!.flowId,
        trigger: "execute",
        status: "completed",
        sessionId: session,
        startedAt: entry!.startedAt,
        endedAt: entry!.endedAt!,
        billedUsd: entry!.billedUsd
      })
      assert.deepStrictEqual(yield* some(emulator.runs.get(first)), list[3])
      assert.deepStrictEqual(yield* some(emulator.runs.trace(first)), read.raw)
      assert.isTrue(Option.isNone(yield* emulator.runs.get("none")))
      assert.isTrue(Option.isNone(yield* emulator.runs.trace("none")))
      assert.isTrue(Option.isNone(yield* emulator.runs.facts("none")))
      assert.strictEqual((yield* emulator.ledger).requestsReceived, before)
    }))

  it.scopedLive("keep the input of their first request as far as the capture mode does", () =>
    Effect.gen(function*() {
      const input = { message: "write to ann@example.com", parameters: { grade: 3 } }
      const requestOf = (
        capture: NonNullable<EmulatorOptions["capture"]>,
        message = input.message,
        options: ExecuteOptions = {}
      ) =>
        Effect.scoped(Effect.gen(function*() {
          const { emulator, run } = yield* start({ capture })
          const id = yield* run(execute("noukai/samples/hello-world", { ...input, ...options, message }))
          return (yield* some(emulator.runs.facts(id))).request
        }))
      assert.deepStrictEqual(yield* requestOf("full"), input)
      assert.deepStrictEqual(yield* requestOf("full", input.message, { snapshots: true }), { ...input, trace: true })
      assert.deepStrictEqual(yield* requestOf("redacted"), { ...input, message: "write to [redacted]" })
      assert.isUndefined(yield* requestOf("metadata_only"))
      assert.isUndefined(yield* requestOf("off"))
      assert.isUndefined(yield* requestOf("full", "x".repeat(70_000)))
    }))

  it.scopedLive("know their first output, and when they waited for tools", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start()
      const partial = yield* run(execute("acme/test/partials"))
      const { startedAt } = yield* some(emulator.runs.get(partial))
      const facts = yield* some(emulator.runs.facts(partial))
      assert.isAtLeast(facts.firstOutputAt!, startedAt + 9)
      assert.deepStrictEqual(facts.pauses, [])

      const paused = yield* run(Effect.flatMap(FlowService, (service) =>
        service.execute("noukai/samples/tools-enabled", { message: "Weather?", tools })))
      const id = paused.executionId!
      const waiting = yield* some(emulator.runs.facts(id))
      assert.isUndefined(waiting.firstOutputAt)
      const [pause] = waiting.pauses
      assert.hasAllKeys(pause, ["stepId", "startedAt"])
      assert.strictEqual(waiting.conversations[pause!.stepId]!.length, 1)
      assert.strictEqual((yield* some(emulator.runs.get(id))).waitsSince, pause!.startedAt)
      assert.strictEqual(paused.status, "tool_calls_required")
      if (paused.status !== "tool_calls_required") {
        return
      }
      yield* run(Effect.flatMap(FlowService, (service) =>
        service.resume(
          paused.state.flow,
          paused.state,
          paused.toolCalls.map(({ id }) => ({ toolCallId: id, content: "{}" }))
        )))
      const over = yield* some(emulator.runs.facts(id))
      assert.isAtLeast(over.pauses[0]!.endedAt!, pause!.startedAt)
      assert.isDefined(over.firstOutputAt)
      assert.isUndefined((yield* some(emulator.runs.get(id))).waitsSince)
    }))

  it.scopedLive("know since when a run waits for the request of its next step", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start()
      yield* run(Effect.flatMap(FlowService, (service) =>
        service.events("noukai/samples/two-step", { message: "Hi" }).pipe(
          Stream.takeUntil(({ type }) => type === "step_completed"),
          Stream.runDrain
        )))
      const [stopped] = yield* emulator.runs.list
      assert.deepStrictEqual([stopped!.status, stopped!.trigger], ["running", "step"])
      assert.isAtLeast(stopped!.waitsSince!, stopped!.startedAt)
      const ended = yield* run(execute("noukai/samples/two-step"))
      assert.isUndefined((yield* some(emulator.runs.get(ended))).waitsSince)
    }))
})

describe("their changes", () => {
  it.scopedLive("have every run from the moment of subscribing, in its newest state", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start()
      yield* run(execute("noukai/samples/hello-world"))
      let ended = 0
      const reading = yield* Effect.fork(
        yield* take(emulator, (change) =>
          change.type === "Changed" && change.run.status === "completed" && ++ended === 20)
      )
      const ids = yield* run(Effect.forEach(
        Array.from({ length: 20 }),
        () =>
          execute("acme/test/loop"),
        { concurrency: 5 }
      ))
      const changes = [...yield* reading]
      const last = new Map(changes.flatMap((change) =>
        change.type === "Changed" ? [[change.run.executionId, change.run.status]] : []
      ))
      assert.deepStrictEqual(last, new Map([...last.keys()].map((id) => [id, "completed"])))
      assert.deepStrictEqual(new Set(last.keys()), new Set(ids))
    }))

  it.scopedLive("name the runs that were evicted, and a reset", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start({ limits: { runs: 2 } })
      const reading = yield* Effect.fork(yield* take(emulator, ({ type }) => type === "Reset"))
      const ids = yield* run(Effect.forEach([1, 2, 3, 4], () => execute("noukai/samples/hello-world")))
      // both are read before the reset, which forgets them
      yield* emulator.awaitEvent(({ type }) => type === "RequestEnded")
      yield* Effect.yieldNow()
      yield* emulator.reset
      const changes = [...yield* reading]
      assert.deepStrictEqual(
        changes.flatMap((change) => change.type === "Evicted" ? [change.executionId] : []),
        ids.slice(0, 2)
      )
      assert.strictEqual(changes.at(-1)!.type, "Reset")
      assert.deepStrictEqual(yield* emulator.runs.list, [])
    }))

  it.scopedLive("are a reset where they come faster than they are read", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start()
      const changes = yield* emulator.runs.changes
      // more events than the ledger keeps
      yield* run(execute("acme/test/long"))
      assert.deepStrictEqual([...yield* Stream.runCollect(Stream.take(changes, 1))], [{ type: "Reset" }])
    }))
})

describe("a session of an emulator", () => {
  const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

  it.scopedLive("is the response of its endpoint, without a request", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start()
      yield* run(execute("noukai/samples/two-step", { message: "hi", sessionId: id }))
      yield* run(execute("acme/test/versions", { sessionId: id }))
      const read = yield* Effect.promise(async () => {
        const response = await fetch(`${emulator.baseUrl}/seq/sessions/${id}`, {
          headers: { authorization: `Bearer ${Redacted.value(emulator.apiKey)}` }
        })
        return await response.json() as unknown
      })
      const before = (yield* emulator.ledger).requestsReceived
      assert.deepStrictEqual(yield* emulator.runs.session(id), { status: 200, body: read })
      assert.deepStrictEqual([
        (yield* emulator.runs.session("nope")).status,
        (yield* emulator.runs.session(id.replace("5", "6"))).status
      ], [400, 404])
      yield* emulator.expireSession(id)
      assert.strictEqual((yield* emulator.runs.session(id)).status, 410)
      assert.strictEqual((yield* emulator.ledger).requestsReceived, before)
    }))
})

describe("the accounts and the totals of an emulator", () => {
  it.scopedLive("are its credits, its bills and its counts", () =>
    Effect.gen(function*() {
      const priced = (ref: string): Flow => ({
        ref,
        steps: [{ kind: "template", id: "a", output: 1, costUsd: "0.25" }]
      })
      const { emulator, run } = yield* start({
        flows: [priced("acme/test/paid"), priced("beta/test/paid")],
        organisations: { acme: { credits: "1" }, idle: { credits: "5" } }
      })
      yield* run(Effect.all([execute("acme/test/paid"), execute("acme/test/paid"), execute("beta/test/paid")]))
      assert.deepStrictEqual(yield* emulator.accounts, [
        { org: "acme", creditsUsd: "0.5", billedUsd: "0.5" },
        { org: "beta", billedUsd: "0.25" },
        { org: "idle", creditsUsd: "5", billedUsd: "0" }
      ])
      const { connections: _, requests, runs: __, steps: ___, webhooks, ...counts } = yield* emulator.ledger
      assert.deepStrictEqual(yield* emulator.requests, requests)
      assert.deepStrictEqual(yield* emulator.webhooks, webhooks)
      assert.deepStrictEqual(yield* emulator.totals, counts)
      assert.strictEqual(counts.requestsReceived, 3)
      yield* emulator.reset
      assert.deepStrictEqual((yield* emulator.accounts).map(({ billedUsd }) => billedUsd), ["0", "0"])
    }))
})

describe("the faults of an emulator", () => {
  it.scopedLive("are listed, and removed by themselves", () =>
    Effect.gen(function*() {
      const { emulator, run } = yield* start({ faults: [{ match: { nth: 9 }, script: ["reset"] }] })
      yield* emulator.addFaults({ rate: 1, faults: ["503:text"] }, { script: ["429"] })
      const rules = yield* emulator.faults
      assert.deepStrictEqual(rules, [
        { match: { nth: 9 }, script: ["reset"] },
        { rate: 1, faults: ["503:text"] },
        { script: ["429"] }
      ])
      yield* run(Effect.flip(execute("acme/test/versions")))
      yield* emulator.removeFaults(...rules.slice(1, 2), { script: ["429"] })
      assert.deepStrictEqual(yield* emulator.faults, rules.filter((_, index) => index !== 1))
      assert.isAbove((yield* emulator.totals).requestsWithFaults, 0)
    }))
})

describe("GET /", () => {
  const get = (url: string, headers: Record<string, string> = {}) =>
    Effect.promise(() => fetch(url, { redirect: "manual", headers }))

  it.scopedLive("leads to the page of the emulator while it has one", () =>
    Effect.gen(function*() {
      const page: { home?: string } = {}
      const emulator = yield* make({ home: () => page.home })
      assert.strictEqual((yield* get(emulator.url)).status, 404)
      const before = (yield* emulator.ledger).requestsReceived
      page.home = "http://127.0.0.1:8081/"
      const response = yield* get(emulator.url)
      assert.deepStrictEqual([response.status, response.headers.get("location")], [303, page.home])
      assert.strictEqual((yield* emulator.ledger).requestsReceived, before)
      assert.strictEqual((yield* get(`${emulator.url}/other`)).status, 404)
    }))
})
