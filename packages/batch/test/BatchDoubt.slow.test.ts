/** Rows of which it is not known whether they ran: what is looked for, and what counts as evidence. */
import { Batch } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { Tools } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { client, collect, echoing, layer, ledgerFile, numbered, onFile, type Row, runsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

describe.concurrent("a row that may have run", () => {
  it.live(
    "in a request is followed where it is found running, though nothing else was found yet",
    () =>
      Effect.gen(function*() {
        const batch = Batch.make({
          id: "in progress",
          flow: "acme/test/slower",
          operation: "execute",
          key: (row: Row) => row.id,
          input: (row) => ({ message: row.id })
        })
        const emulator = yield* Emulator
        yield* emulator.putFlows({
          ref: "acme/test/slower",
          steps: [{ kind: "template", id: "a", output: {}, duration: "2 seconds" }]
        })
        const ledger = yield* ledgerFile
        const first = yield* Effect.fork(
          Effect.provide(Batch.run(batch, numbered(1), { ...quick, stopWithin: 0 }), onFile(ledger))
        )
        yield* emulator.awaitEvent((event) => event.type === "RunStarted")
        yield* Fiber.interrupt(first)
        const other = yield* ledgerFile
        const summary = yield* Effect.provide(Batch.run(batch, numbered(1), quick), onFile(other))
        assert.deepStrictEqual([states(summary), summary.adopted], [{ done: 1 }, 1])
        assert.strictEqual((yield* runsOf).length, 1)
      }).pipe(Effect.scoped, Effect.provide(client()))
  )

  it.live("is reported where its session is gone", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["410"] })
      const batch = echoing("expired")
      const summary = yield* Batch.run(batch, numbered(3), { ...quick, concurrency: 1 })
      assert.deepStrictEqual(states(summary), { done: 2, reported: 1 })
      assert.strictEqual((yield* collect(Batch.results(batch)))[0]!.error?.kind, "ResultNotStored")
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.provide(layer())))

  const foreign = [
    { message: "no Route matched with those values" },
    { detail: { code: "FLOW_NOT_FOUND", message: "?" } },
    { detail: "Not Found" }
  ].map((body) => `404:body=${encodeURIComponent(JSON.stringify(body))}`)

  it.live("is not sent again because of a 404 that is not about its session", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["ok", "reset:late"] })
      // the first row is looked for and found, the second is looked for, sent, and looked for again
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["ok", "ok", "ok", ...foreign] })
      const summary = yield* Batch.run(echoing("foreign"), numbered(2), { ...quick, concurrency: 1 })
      assert.deepStrictEqual(states(summary), { done: 2 })
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.provide(layer())))

  it.live("in a request stops the batch at such a 404, and goes on later", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["ok", "reset:late"] })
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["ok", "ok", "ok", ...foreign] })
      const batch = Batch.make({
        id: "foreign",
        flow: "acme/test/echo",
        operation: "execute",
        key: (row: Row) => row.id,
        input: (row) => ({ message: row.id })
      })
      const run = Batch.run(batch, numbered(2), { ...quick, concurrency: 1 })
      for (let stop = 0; stop < foreign.length; stop++) assert.strictEqual((yield* run).status, "incomplete")
      assert.deepStrictEqual(states(yield* run), { done: 2 })
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.provide(layer({ capture: "full" }))))

  const inRequests = (id: string) =>
    Batch.make({
      id,
      flow: "acme/test/echo",
      operation: "execute",
      key: (row: Row) => row.id,
      input: (row) => ({ message: row.id })
    })

  it.live("in a request is found, though it is the only one", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["reset:late"] })
      const summary = yield* Batch.run(inRequests("alone"), numbered(1), quick)
      assert.deepStrictEqual(states(summary), { done: 1 })
      assert.strictEqual((yield* runsOf).length, 1)
    }).pipe(Effect.provide(layer({ capture: "full" }))))

  it.live("in a request is reported only after a look at its session", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["500"] })
      const summary = yield* Batch.run(inRequests("absent"), numbered(1), quick)
      assert.deepStrictEqual(states(summary), { reported: 1 })
      const { requests } = yield* emulator.ledger
      assert.strictEqual(requests[requests.length - 1]?.endpoint, "session")
      assert.strictEqual(
        new Set(requests.filter(({ endpoint }) => endpoint === "session").map(({ target }) => target)).size,
        1
      )
    }).pipe(Effect.provide(layer())))

  it.live("at a later attempt is looked for too", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({ ref: "acme/test/flaky", steps: [{ kind: "fail", id: "a", code: "NO_LUCK" }] })
      const batch = echoing("later", "acme/test/flaky")
      const [one, other] = [yield* ledgerFile, yield* ledgerFile]
      const twice = Effect.gen(function*() {
        yield* Batch.run(batch, numbered(2), quick)
        yield* Batch.retry("later", { only: "failed" })
        return yield* Batch.run(batch, numbered(2), quick)
      })
      yield* Effect.provide(twice, onFile(one))
      const { adopted } = yield* Effect.provide(twice, onFile(other))
      assert.strictEqual(adopted, 2)
      assert.strictEqual((yield* runsOf).length, 4)
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("in a request is not sent again once the batch was cancelled", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["ok", "500"] })
      const batch = Batch.make({
        id: "doubt",
        flow: "acme/test/echo",
        operation: "execute",
        key: (row: Row) => row.id,
        input: (row) => ({ message: row.id })
      })
      let left = 2
      const cancelling = yield* Effect.fork(
        Effect.zipRight(
          emulator.awaitEvent((event) =>
            event.type === "RequestReceived" && event.endpoint === "execute" && --left === 0
          ),
          Batch.cancel("doubt")
        )
      )
      const summary = yield* Batch.run(batch, numbered(2), { grace: 2000, concurrency: 1 })
      yield* Fiber.join(cancelling)
      assert.deepStrictEqual([summary.status, states(summary)], ["cancelled", { done: 1, uncertain: 1 }])
      assert.strictEqual((yield* runsOf).length, 1)
    }).pipe(Effect.provide(layer())))

  it.live("of a tool that breaks is settled, and the other rows go on", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "acme/test/tools",
        steps: [{ kind: "tool", id: "a", rounds: [[{ name: "weather" }]], output: { said: "ok" } }]
      })
      let calls = 0
      const batch = Batch.make({
        id: "tools",
        flow: "acme/test/tools",
        operation: "execute",
        key: (row: Row) => row.id,
        input: (row) => ({ message: row.id }),
        tools: Tools.handle(
          [{ type: "function", function: { name: "weather", description: "The weather" } }],
          (asked) =>
            ++calls === 1
              ? Effect.die(new Error("broken"))
              : Effect.succeed(asked.map(({ id }) => ({ toolCallId: id, content: "rain" })))
        )
      })
      const summary = yield* Batch.run(batch, numbered(3), { ...quick, concurrency: 1 })
      assert.deepStrictEqual([summary.status, states(summary)], ["completed", { done: 2, reported: 1 }])
      const [row] = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(row!.error, { kind: "Defect", message: "broken" })
    }).pipe(Effect.provide(layer())))

  it.live(
    "in a request that waits for a tool is taken over, since the row is of this process",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.putFlows({
          ref: "acme/test/tools",
          steps: [{ kind: "tool", id: "a", rounds: [[{ name: "weather" }]], output: "{{tools.weather}}", costUsd: "1" }]
        })
        const died = yield* Deferred.make<void>()
        let asked = 0
        const batch = (answer: Effect.Effect<string>) =>
          Batch.make({
            id: "tools",
            flow: "acme/test/tools",
            operation: "execute",
            key: (row: Row) => row.id,
            input: (row) => ({ message: row.id }),
            tools: Tools.handle(
              [{ type: "function", function: { name: "weather" } }],
              (calls) => Effect.map(answer, (content) => calls.map(({ id }) => ({ toolCallId: id, content })))
            )
          })
        // the first row shows that runs are found through their sessions
        const dying = batch(Effect.suspend(() =>
          ++asked === 1 ? Effect.succeed("sun") : Effect.zipRight(Deferred.succeed(died, undefined), Effect.never)
        ))
        const rows = numbered(2)
        const first = yield* Effect.fork(Batch.run(dying, rows, { ...quick, concurrency: 1, stopWithin: 0 }))
        yield* Deferred.await(died)
        yield* Fiber.interrupt(first)
        const summary = yield* Batch.run(batch(Effect.succeed("rain")), rows, quick)
        assert.deepStrictEqual([states(summary), summary.adopted], [{ done: 2 }, 0])
        assert.deepStrictEqual(
          (yield* collect(Batch.results(dying))).map(({ result }) =>
            result
          ),
          ["sun", "rain"]
        )
        const { billedUsd, runs } = yield* emulator.ledger
        assert.deepStrictEqual([runs.length, billedUsd], [2, "2"])
      }).pipe(Effect.provide(layer()))
  )

  it.live("in a request is failed where it waits for tools that nobody has", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "acme/test/pausing",
        toolsEnabled: true,
        steps: [{ kind: "tool", id: "a", rounds: [[{ name: "weather" }]], output: "x" }]
      })
      const batch = Batch.make({
        id: "pausing",
        flow: "acme/test/pausing",
        operation: "execute",
        key: (row: Row) => row.id,
        input: (row) => ({ message: row.id })
      })
      const summary = yield* Batch.run(batch, numbered(2), quick)
      assert.deepStrictEqual([summary.status, states(summary)], ["completed", { failed: 2 }])
      const results = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(results.map(({ error }) => error?.code), [
        "TOOL_CALLS_UNANSWERED_CLIENT",
        "TOOL_CALLS_UNANSWERED_CLIENT"
      ])
      assert.sameMembers(
        results.map(({ executionId }) => executionId),
        (yield* runsOf).map(({ executionId }) => executionId)
      )
    }).pipe(Effect.provide(layer())))

  it.live("waits for evidence that another row brings, however many wait", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["500", "500", "500", "500", "500"] })
      const summary = yield* Batch.run(echoing("evidence"), numbered(8), { ...quick, concurrency: 1 })
      assert.deepStrictEqual([summary.status, states(summary)], ["completed", { done: 8 }])
      assert.strictEqual((yield* runsOf).length, 8)
    }).pipe(Effect.provide(layer())))

  it.live("waits for no evidence that the budget does not allow for", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["500"], repeat: true })
      const options = { ...quick, concurrency: 4, budgetUsd: 0.02, maxCostPerRow: 0.01 }
      const summary = yield* Batch.run(echoing("unaffordable"), numbered(4), options)
      assert.deepStrictEqual([summary.status, summary.stop?.reason], ["incomplete", "budget"])
      assert.deepStrictEqual(states(summary), { pending: 2, reported: 2 })
    }).pipe(Effect.provide(layer())))
})
