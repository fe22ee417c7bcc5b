/** Sources that change between two runs: what was never sent is sent as it stands today, and nothing else is sent. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { Flow } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { collect, echo, layer, numbered, requestsTo, type Row, runsOf } from "./support/batches.js"

const quick = { grace: 300, concurrency: 1 } as const

const priced = {
  flows: [{
    ref: echo,
    steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, costUsd: "0.01" }]
  }]
}

const stateCounts = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

/** A batch whose prompt has a beginning that may be edited. */
const prompting = (id: string, prompt: string) =>
  Batch.make({
    id,
    flow: echo,
    key: (row: Row) => row.id,
    input: (row) => ({ message: `${prompt} ${row.text ?? row.id}` })
  })

/** The messages of the runs that were sent, in their order. */
const sent = Effect.map(
  requestsTo("submitJob"),
  (requests) => requests.map(({ body }) => (JSON.parse(body) as { readonly message: string }).message)
)

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => `row ${from + n}`)

const rows = (...of: ReadonlyArray<Row>) => BatchSource.fromIterable(of)

describe("a row that was never sent", () => {
  it.live("takes the input of today's source, and one that was sent is refused", () =>
    Effect.gen(function*() {
      const stopped = yield* Batch.run(prompting("edited", "old"), numbered(10), {
        ...quick,
        budgetUsd: 0.03,
        maxCostPerRow: 0.01
      })
      assert.deepStrictEqual(stateCounts(stopped), { done: 3, pending: 7 })
      const batch = prompting("edited", "new")
      const plan = yield* Batch.plan(batch, numbered(10))
      assert.deepInclude(plan, { added: 0, known: { pending: 7 }, updated: 7, absent: 0, ready: 0, refusedCount: 3 })
      const summary = yield* Batch.run(batch, numbered(10), quick)
      assert.deepStrictEqual(summary.plan, plan)
      assert.deepStrictEqual([summary.status, stateCounts(summary), summary.refused, summary.isClean], [
        "completed",
        { done: 10 },
        3,
        false
      ])
      assert.deepStrictEqual(plan.refused.map(({ error, key }) => [key, error.kind]), [
        ["row 1", "InputChanged"],
        ["row 2", "InputChanged"],
        ["row 3", "InputChanged"]
      ])
      assert.deepStrictEqual(yield* sent, [
        ...ids(1, 3).map((id) => `old ${id}`),
        ...ids(4, 10).map((id) => `new ${id}`)
      ])
      const results = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(results.map(({ result }) => (result as { readonly said: string }).said), yield* sent)
    }).pipe(Effect.provide(layer(priced))))

  for (const refusal of ["402", "401", "429:retry=1", "404"]) {
    it.live(`takes it also where the server had refused it (${refusal}), since nothing ran`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["ok", refusal] })
        const options = { ...quick, budgetUsd: 0.02, maxCostPerRow: 0.01 }
        const stopped = yield* Batch.run(
          prompting("refused", "old"),
          numbered(refusal.startsWith("429") ? 2 : 4),
          options
        )
        assert.isAbove(stopped.states.done, 0)
        yield* emulator.clearFaults
        const summary = yield* Batch.run(prompting("refused", "new"), numbered(4), quick)
        const { done } = stopped.states
        assert.deepStrictEqual([summary.status, summary.states.done, summary.refused], ["completed", 4, done])
        assert.deepStrictEqual((yield* sent).slice(-(4 - done)), ids(done + 1, 4).map((id) => `new ${id}`))
      }).pipe(Effect.provide(layer(priced))))
  }

  const refusals = [
    ["by the server", "jobs", {}, 2],
    ["by the server", "execute", {}, 2],
    ["by the client", "jobs", { message: 5 as never }, 0],
    ["by the client", "execute", { message: 5 as never }, 0]
  ] as const
  for (const [by, operation, refused, requests] of refusals) {
    it.live(`takes it after its first input was refused ${by}, when it is retried (${operation})`, () =>
      Effect.gen(function*() {
        const of = (input: () => { readonly message?: string }) => {
          const options = { id: "refused input", flow: echo, key: (row: Row) => row.id, input }
          return operation === "jobs" ? Batch.make({ operation, ...options }) : Batch.make({ operation, ...options })
        }
        const bad = yield* Batch.run(of(() => refused), rows({ id: "a" }, { id: "b" }), quick)
        assert.deepStrictEqual([
          stateCounts(bad),
          (yield* requestsTo(operation === "jobs" ? "submitJob" : operation)).length,
          yield* runsOf
        ], [
          { failed: 2 },
          requests,
          []
        ])
        const good = of(() => ({ message: "mended" }))
        const plan = yield* Batch.plan(good, rows({ id: "a" }, { id: "b" }))
        assert.deepInclude(plan, { known: { failed: 2 }, updated: 2, refusedCount: 0 })
        // it stays failed until it is retried, and has its first error
        const mended = yield* Batch.run(good, rows({ id: "a" }, { id: "b" }), quick)
        assert.deepStrictEqual([mended.plan, stateCounts(mended)], [plan, { failed: 2 }])
        assert.strictEqual(yield* Batch.retry("refused input", { only: "failed" }), 2)
        // the input may change once more
        const other = yield* Batch.run(of(() => ({ message: "mended again" })), rows({ id: "a" }, { id: "b" }), quick)
        assert.deepStrictEqual([stateCounts(other), other.refused, other.absent], [{ done: 2 }, 0, 0])
        const bodies = (yield* requestsTo(operation === "jobs" ? "submitJob" : operation)).slice(requests).map((
          { body }
        ) => JSON.parse(body) as { readonly message: string })
        assert.deepStrictEqual(bodies.map(({ message }) => message), ["mended again", "mended again"])
        const attempts = yield* Batch.attempts("refused input", "a")
        assert.deepStrictEqual(attempts.map(({ attempt, state }) => [attempt, state]), [[1, "failed"], [2, "done"]])
      }).pipe(Effect.provide(layer(priced))))
  }

  it.live("takes it after the server has refused its first one, when it is retried", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["422", "422"] })
      const bad = yield* Batch.run(prompting("unfit", "old"), numbered(2), quick)
      assert.deepStrictEqual(stateCounts(bad), { failed: 2 })
      yield* Batch.retry("unfit", { only: "failed" })
      const good = yield* Batch.run(prompting("unfit", "new"), numbered(2), quick)
      assert.deepStrictEqual([stateCounts(good), good.plan.updated, good.refused], [{ done: 2 }, 2, 0])
      assert.deepStrictEqual((yield* sent).slice(2), ["new row 1", "new row 2"])
    }).pipe(Effect.provide(layer(priced))))

  it.live("takes it when it was cancelled before it was sent, and is retried", () =>
    Effect.gen(function*() {
      yield* Batch.run(prompting("cancelled", "old"), numbered(2), { ...quick, budgetUsd: 0.01, maxCostPerRow: 0.01 })
      assert.strictEqual(yield* Batch.cancel("cancelled"), 1)
      yield* Batch.retry("cancelled", { only: "cancelled" })
      const summary = yield* Batch.run(prompting("cancelled", "new"), numbered(2), quick)
      assert.deepStrictEqual([stateCounts(summary), summary.refused], [{ done: 2 }, 1])
      assert.deepStrictEqual(yield* sent, ["old row 1", "new row 2"])
    }).pipe(Effect.provide(layer(priced))))

  it.live("is invalid when today's source makes it so", () =>
    Effect.gen(function*() {
      const checked = Batch.make({
        id: "worse",
        flow: echo,
        key: (row: Row) => row.id,
        input: (row) => {
          if (row.text === "bad") throw new Error("bad")
          return { message: row.text ?? row.id }
        }
      })
      const good = rows({ id: "a" }, { id: "b" }, { id: "c" })
      yield* Batch.run(checked, good, { ...quick, budgetUsd: 0.01, maxCostPerRow: 0.01 })
      const worse = rows({ id: "a" }, { id: "b", text: "bad" }, { id: "c" })
      const plan = yield* Batch.plan(checked, worse)
      assert.deepInclude(plan, { known: { done: 1, invalid: 1, pending: 1 }, invalid: 1, absent: 0 })
      const summary = yield* Batch.run(checked, worse, quick)
      assert.deepStrictEqual(summary.plan, plan)
      assert.deepStrictEqual([summary.status, stateCounts(summary)], ["completed", { done: 2, invalid: 1 }])
      assert.deepStrictEqual(yield* sent, ["a", "c"])
      assert.deepStrictEqual(stateCounts(yield* Batch.run(checked, good, quick)), { done: 3 })
    }).pipe(Effect.provide(layer(priced))))
})

describe("a row that was sent", () => {
  it.live("and is retried with another input is refused, and not run with the old one", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({ ref: echo, steps: [{ kind: "fail", id: "a", code: "NO_LUCK" }] })
      yield* Batch.run(prompting("retried", "old"), numbered(2), quick)
      yield* emulator.putFlows(priced.flows[0]!)
      yield* Batch.retry("retried", { only: "failed" })
      const other = yield* Batch.run(prompting("retried", "new"), numbered(3), quick)
      assert.deepInclude(other.plan, { added: 1, known: {}, updated: 0, absent: 2, refusedCount: 2 })
      assert.deepStrictEqual([other.status, other.absent, stateCounts(other)], ["completed", 2, {
        done: 1,
        pending: 2
      }])
      assert.deepStrictEqual(yield* sent, ["old row 1", "old row 2", "new row 3"])
      // with the input that it was sent with
      const again = yield* Batch.run(prompting("retried", "old"), numbered(2), quick)
      assert.deepStrictEqual([again.status, again.absent, stateCounts(again)], ["completed", 0, { done: 3 }])
      assert.deepStrictEqual((yield* sent).slice(3), ["old row 1", "old row 2"])
    }).pipe(Effect.provide(layer(priced))))

  it.live("or may have been, is looked for, and not sent again with the old input", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      // the last one is stopped while it is in doubt, and nothing ran
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["ok", "500"] })
      yield* emulator.addFaults({ match: { endpoint: "session", nth: 4 }, script: ["403"] })
      const stopped = yield* Batch.run(prompting("doubt", "old"), numbered(3), quick)
      assert.deepStrictEqual([stopped.status, stateCounts(stopped)], ["incomplete", {
        done: 1,
        uncertain: 1,
        pending: 1
      }])
      yield* emulator.clearFaults
      const summary = yield* Batch.run(prompting("doubt", "new"), numbered(3), quick)
      assert.deepStrictEqual([summary.status, stateCounts(summary), summary.absent, summary.refused], [
        "completed",
        { done: 2, pending: 1 },
        1,
        2
      ])
      assert.deepStrictEqual(yield* sent, ["old row 1", "old row 2", "new row 3"])
    }).pipe(Effect.provide(layer(priced))))
})

describe("a pending row that the source does not have any more", () => {
  it.live("is not run, is counted, and runs again when the source has it", () =>
    Effect.gen(function*() {
      const batch = prompting("absent", "say")
      yield* Batch.run(batch, numbered(6), { ...quick, budgetUsd: 0.02, maxCostPerRow: 0.01 })
      const fewer = BatchSource.fromIterable([...ids(1, 3), "row 6"].map((id) => ({ id })))
      const plan = yield* Batch.plan(batch, fewer)
      assert.deepInclude(plan, { known: { done: 2, pending: 2 }, absent: 2, ready: 0 })
      const summary = yield* Batch.run(batch, fewer, quick)
      assert.deepStrictEqual(summary.plan, plan)
      assert.deepStrictEqual([summary.status, summary.isClean, summary.absent, stateCounts(summary)], [
        "completed",
        true,
        2,
        { done: 4, pending: 2 }
      ])
      assert.deepStrictEqual((yield* collect(Batch.results(batch))).map(({ state }) => state), [
        "done",
        "done",
        "done",
        "pending",
        "pending",
        "done"
      ])
      assert.strictEqual((yield* sent).length, 4)
      const back = yield* Batch.plan(batch, numbered(6))
      assert.deepInclude(back, { known: { done: 4, pending: 2 }, absent: 0, updated: 0 })
      // and, since it was never sent, with today's input
      const all = yield* Batch.run(prompting("absent", "say now"), numbered(6), quick)
      assert.deepStrictEqual([all.status, all.absent, stateCounts(all)], ["completed", 0, { done: 6 }])
      assert.deepStrictEqual((yield* sent).slice(4), ["say now row 4", "say now row 5"])
    }).pipe(Effect.provide(layer(priced))))

  it.live("is cancelled with the batch", () =>
    Effect.gen(function*() {
      const batch = prompting("absent", "say")
      yield* Batch.run(batch, numbered(4), { ...quick, budgetUsd: 0.01, maxCostPerRow: 0.01 })
      yield* Batch.run(batch, numbered(1), quick)
      assert.deepInclude(yield* Batch.status("absent"), { status: "completed", absent: 3 })
      assert.strictEqual(yield* Batch.cancel("absent"), 3)
      assert.deepStrictEqual(stateCounts(yield* Batch.status("absent")), { done: 1, cancelled: 3 })
    }).pipe(Effect.provide(layer(priced))))

  it.live("stays pending where the source could not be read to its end", () =>
    Effect.gen(function*() {
      const batch = prompting("torn", "say")
      yield* Batch.run(batch, numbered(4), { ...quick, budgetUsd: 0.01, maxCostPerRow: 0.01 })
      const torn = BatchSource.fromStream(Stream.concat(Stream.make<[Row]>({ id: "row 1" }), Stream.fail("no more")))
      assert.strictEqual(yield* Effect.flip(Batch.run(batch, torn, quick)), "no more")
      assert.deepInclude(yield* Batch.status("torn"), { status: "incomplete", absent: 0 })
    }).pipe(Effect.provide(layer(priced))))
})

describe("the definition of a batch", () => {
  it.live("has a hash of all that it runs, and the status says when that changed", () =>
    Effect.gen(function*() {
      const definition = Effect.map(Batch.status("hashed"), ({ definition }) => definition!)
      const budget = { ...quick, budgetUsd: 0, maxCostPerRow: 1 }
      const first = yield* Batch.run(prompting("hashed", "a"), numbered(3), budget)
      assert.match(first.definition!.hash, /^[0-9a-f]{64}$/)
      assert.isUndefined(first.definition!.changedAt)
      // in any order
      yield* Batch.run(
        prompting("hashed", "a"),
        BatchSource.fromIterable(ids(1, 3).reverse().map((id) => ({ id }))),
        budget
      )
      assert.deepStrictEqual(yield* definition, first.definition)
      const before = Date.now()
      const second = yield* Batch.run(prompting("hashed", "b"), numbered(3), budget)
      assert.notStrictEqual(second.definition!.hash, first.definition!.hash)
      assert.isAtLeast(second.definition!.changedAt!, before)
      yield* Batch.run(prompting("hashed", "b"), numbered(3), budget)
      assert.deepStrictEqual(yield* definition, second.definition)
      const schemas = Batch.make({
        id: "hashed",
        flow: Flow.make(echo, { result: Schema.Struct({ said: Schema.String }) }),
        key: (row: Row) => row.id,
        input: (row) => ({ message: `b ${row.id}` })
      })
      const third = yield* Batch.run(schemas, numbered(3), budget)
      assert.notStrictEqual(third.definition!.hash, second.definition!.hash)
      // the same elsewhere
      const other = yield* Batch.run(prompting("another", "a"), numbered(3), budget)
      assert.strictEqual(other.definition!.hash, first.definition!.hash)
    }).pipe(Effect.provide(layer(priced))))
})
