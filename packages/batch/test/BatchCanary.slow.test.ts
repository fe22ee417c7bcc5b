/** The first row of a batch goes alone, until it is seen that the server lists runs under their sessions. */
import { Batch } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import {
  client,
  collect,
  echo,
  echoing,
  layer,
  ledgerFile,
  numbered,
  onFile,
  requestsTo,
  type Row,
  runsOf
} from "./support/batches.js"
import { tampering } from "./support/tampering.js"

const quick = { grace: 300 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

const requesting = (id: string, flow = echo) =>
  Batch.make({ id, flow, operation: "execute", key: (row: Row) => row.id, input: (row) => ({ message: row.id }) })

/** The methods and endpoints of the requests, in their order. */
const requests = Effect.flatMap(
  Emulator,
  (emulator) => Effect.map(emulator.ledger, ({ requests }) => requests.map(({ endpoint }) => endpoint!))
)

describe("the first row", () => {
  it.live("is sent and seen listed before another one is looked up", () =>
    Effect.gen(function*() {
      const summary = yield* Batch.run(echoing("first"), numbered(10), { ...quick, concurrency: 10 })
      assert.deepStrictEqual(states(summary), { done: 10 })
      assert.deepStrictEqual((yield* requests).slice(0, 3), ["session", "submitJob", "session"])
    }).pipe(Effect.provide(layer())))

  it.live("in a request is sent and seen listed before another one is looked up", () =>
    Effect.gen(function*() {
      const summary = yield* Batch.run(requesting("first"), numbered(10), { ...quick, concurrency: 10 })
      assert.deepStrictEqual(states(summary), { done: 10 })
      assert.deepStrictEqual((yield* requests).slice(0, 3), ["session", "execute", "session"])
      assert.isAbove((yield* (yield* Emulator).ledger).mostRunsAtOnce, 1)
    }).pipe(
      Effect.provide(
        layer({ flows: [{ ref: echo, steps: [{ kind: "template", id: "a", output: 1, duration: "1 second" }] }] })
      )
    ))

  it.live("in a request is seen listed also where it fails", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "acme/test/flaky",
        steps: [{ kind: "template", id: "a", output: 1, duration: "500 millis" }, {
          kind: "fail",
          id: "b",
          code: "NO_LUCK"
        }]
      })
      const summary = yield* Batch.run(requesting("first", "acme/test/flaky"), numbered(6), {
        ...quick,
        concurrency: 5
      })
      assert.deepStrictEqual(states(summary), { failed: 6 })
      assert.strictEqual((yield* emulator.ledger).mostRunsAtOnce, 5)
    }).pipe(Effect.provide(layer())))

  for (const operation of ["jobs", "execute"] as const) {
    it.live(
      `${operation}: of ten that were killed during the first look-up are all run, each once`,
      () =>
        Effect.gen(function*() {
          const emulator = yield* Emulator
          const file = yield* ledgerFile
          yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["delay:60000"] })
          const batch = operation === "jobs" ? echoing("killed") : requesting("killed")
          const killed = yield* Effect.fork(
            Effect.provide(Batch.run(batch, numbered(10), { ...quick, concurrency: 10, stopWithin: 0 }), onFile(file))
          )
          yield* emulator.awaitEvent((event) => event.type === "Waiting")
          yield* Fiber.interrupt(killed)
          const left = yield* Effect.provide(Batch.status("killed"), onFile(file))
          assert.strictEqual(left.states.intent + left.states.uncertain, 1)
          const summary = yield* Effect.provide(
            Batch.run(batch, numbered(10), { ...quick, concurrency: 10 }),
            onFile(file)
          )
          assert.deepStrictEqual([summary.status, states(summary)], ["completed", { done: 10 }])
          assert.strictEqual((yield* runsOf).length, 10)
        }).pipe(Effect.scoped, Effect.provide(client()))
    )
  }

  it.live(
    "is waited for where the server lists runs late, and no more than one is in doubt",
    () =>
      Effect.gen(function*() {
        const summary = yield* Batch.run(echoing("late"), numbered(5), { grace: 2000, concurrency: 5 })
        assert.deepStrictEqual(states(summary), { done: 5 })
        const [first, second] = (yield* requestsTo("submitJob")).map(({ receivedAt }) => receivedAt).sort((a, b) =>
          a - b
        )
        assert.isAtLeast(second! - first!, 800)
      }).pipe(Effect.provide(layer({ sessions: { lag: "800 millis" } })))
  )

  it.live("is followed by one at a time where no run is listed within the grace", () =>
    Effect.gen(function*() {
      const summary = yield* Batch.run(echoing("unlisted", "acme/test/slow"), numbered(4), {
        grace: 100,
        concurrency: 4
      })
      assert.deepStrictEqual(states(summary), { done: 4 })
      assert.strictEqual((yield* (yield* Emulator).ledger).mostRunsAtOnce, 1)
    }).pipe(Effect.provide(layer({ sessions: { lag: "1 hour" } }))))
})

describe("a server that says that every session is gone", () => {
  for (const operation of ["jobs", "execute"] as const) {
    it.live(`${operation}: stops the batch, and nothing is sent`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["410"], repeat: true })
        const batch = operation === "jobs" ? echoing("gone") : requesting("gone")
        const summary = yield* Batch.run(batch, numbered(10), quick)
        assert.deepStrictEqual(states(summary), { pending: 10 })
        assert.deepInclude(summary.stop, { reason: "refused", statusCode: 410 })
        assert.include(summary.stop!.message, "410 (gone) for every session")
        assert.strictEqual((yield* runsOf).length, 0)
        yield* emulator.clearFaults
        assert.deepStrictEqual(states(yield* Batch.run(batch, numbered(10), quick)), { done: 10 })
      }).pipe(Effect.provide(layer())))
  }

  it.live("of rows in doubt leaves them in doubt", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const gone = { is: false }
      const baseUrl = yield* tampering(({ path }, body) =>
        gone.is && path.includes("/sessions/") ? { status: 410, body: JSON.stringify({ detail: "Gone" }) } : body
      )
      const noukai = Noukai.layer({ apiKey: emulator.apiKey, baseUrl })
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["ok", "reset:late"] })
      const batch = echoing("doubt")
      const file = yield* ledgerFile
      const run = Effect.provide(
        Batch.run(batch, numbered(2), { ...quick, concurrency: 1 }),
        Layer.merge(onFile(file), noukai)
      )
      const watching = yield* Effect.fork(emulator.awaitEvent((event) => {
        if (event.type === "RunStarted") gone.is = runs++ > 0
        return gone.is
      }))
      let runs = 0
      const summary = yield* run
      yield* Fiber.join(watching)
      assert.deepStrictEqual([summary.stop?.statusCode, states(summary)], [410, { done: 1, uncertain: 1 }])
      gone.is = false
      assert.deepStrictEqual(states(yield* run), { done: 2 })
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("is not one where a session alone is gone", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["410"] })
      const batch = requesting("one gone")
      const summary = yield* Batch.run(batch, numbered(3), quick)
      assert.deepStrictEqual(states(summary), { done: 2, reported: 1 })
      assert.strictEqual((yield* collect(Batch.results(batch)))[0]!.error?.kind, "ResultNotStored")
    }).pipe(Effect.provide(layer())))
})
