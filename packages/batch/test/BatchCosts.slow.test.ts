/** Money: budgets, and costs that are tiny, unreadable or absurd. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { assert, describe, it, vi } from "@effect/vitest"
import { BigDecimal, Effect, FastCheck, Layer, Option } from "effect"
import { Database } from "../src/internal/ledger/sqlite.js"
import * as Money from "../src/internal/money.js"
import { client, collect, echoing, layer, ledgerFile, numbered, type Row, runsOf } from "./support/batches.js"
import { type Tamper, tampering } from "./support/tampering.js"

const quick = { grace: 300 } as const

const usd = BigDecimal.unsafeFromString

const taken = (given: unknown) => Option.getOrThrow(Money.taken(given))

const textOf = (amount: Option.Option<BigDecimal.BigDecimal>) => Option.getOrUndefined(Option.map(amount, Money.print))

const priced = (costUsd: string) => ({
  flows: [{
    ref: "acme/test/priced",
    steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, costUsd }]
  }]
})

/** A flow that fails after a step of 0.01 dollars. */
const failing = {
  flows: [{
    ref: "acme/test/fails",
    steps: [...priced("0.01").flows[0]!.steps, { kind: "fail" as const, id: "b", code: "NO_LUCK" }]
  }]
}

const inTwoLanes = BatchEngine.of({
  lanes: 2,
  run: ({ lane }) => Effect.all([lane(0), lane(1)], { concurrency: 2, discard: true })
})

/** A ledger, and a client that gets other responses than an emulator gives. */
const behind = (options: EmulatorOptions, tamper: Tamper) =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const { apiKey } = yield* Emulator
    const baseUrl = yield* tampering(tamper)
    const store = BatchStore.layerFile(yield* ledgerFile)
    return Layer.mergeAll(store, BatchEngine.layerLocal, Noukai.layer({ apiKey, baseUrl }))
  })).pipe(Layer.provideMerge(client(options)))

/** A ledger, and a client whose traces have another cost. */
const told = (costUsd: unknown) =>
  behind(
    priced("0.01"),
    ({ path }, body) =>
      path.includes("/trace") ? body.replace(/"costUsd":"[^"]*"/g, `"costUsd":${JSON.stringify(costUsd)}`) : body
  )

describe("an amount", () => {
  it("of an option is a number or decimal text, and is exact", () => {
    const texts = [0, 0.067, 1e-7, 12, 1e6, "0.067", "1e2", ".5", "0.00000000000000000001"].map((given) =>
      textOf(Money.taken(given))
    )
    assert.deepStrictEqual(texts, [
      "0",
      "0.067",
      "0.0000001",
      "12",
      "1000000",
      "0.067",
      "100",
      "0.5",
      "0.00000000000000000001"
    ])
    for (
      const wrong of [
        -1,
        NaN,
        Infinity,
        "-1",
        "",
        " 1",
        "1 ",
        "1.",
        ".",
        "+1",
        "NaN",
        "0x1",
        "$1",
        null,
        1n,
        true,
        {},
        "1e999"
      ]
    ) {
      assert.isUndefined(textOf(Money.taken(wrong)), String(wrong))
    }
  })

  it("is printed so that it can be read again", () => {
    FastCheck.assert(FastCheck.property(
      FastCheck.bigInt({ min: 0n, max: 10n ** 40n }),
      FastCheck.integer({ min: -90, max: 90 }),
      (value, scale) => {
        const amount = BigDecimal.make(value, scale)
        const text = Money.print(amount)
        assert.match(text, /^\d+(\.\d*[1-9])?$/)
        assert.isTrue(BigDecimal.equals(Money.parse(text), amount))
      }
    ))
  })

  it("of thousandths goes into itself once, and into n times itself n times", () => {
    const thousandths = Array.from({ length: 100_000 }, (_, n) => (n + 1) / 1000)
    assert.deepStrictEqual(thousandths.filter((number) => Money.times(taken(number), taken(number), 10) !== 1), [])
    for (
      const [each, all, count] of [["0.1", "0.3", 3], ["0.067", "0.201", 3], ["0.03", "0.1", 3], [
        "1e-12",
        "1e-9",
        1000
      ]]
    ) {
      assert.strictEqual(Money.times(usd(String(each)), usd(String(all)), 9999), count)
    }
    assert.strictEqual(Money.times(usd("0"), usd("0"), 7), 7)
    assert.strictEqual(Money.times(usd("0.1"), usd("-0.1"), 7), 0)
  })
})

describe("a budget", () => {
  for (const amount of [0.067, "0.000000000000000001"]) {
    it.live(`of what one row may cost (${amount}) runs one row`, () =>
      Effect.gen(function*() {
        const batch = echoing("one", "acme/test/priced")
        const options = { ...quick, budgetUsd: amount, maxCostPerRow: amount }
        const { states, stop } = yield* Batch.run(batch, numbered(3), options)
        assert.deepStrictEqual([states.done, states.pending, stop?.reason], [1, 2, "budget"])
        assert.strictEqual((yield* runsOf).length, 1)
      }).pipe(Effect.provide(layer(priced(String(amount))))))
  }

  for (const costUsd of ["NaN", "1e400", "-0.01", 0.01]) {
    it.live(`counts what was reserved for a cost of ${JSON.stringify(costUsd)}`, () =>
      Effect.gen(function*() {
        const batch = echoing("unreadable", "acme/test/priced")
        const summary = yield* Batch.run(batch, numbered(60), { ...quick, budgetUsd: 0.1, maxCostPerRow: 0.02 })
        assert.deepStrictEqual(
          [summary.stop?.reason, summary.states.done, summary.costUsd, summary.unknownCosts],
          ["budget", 5, "0.1", 5]
        )
        assert.strictEqual((yield* runsOf).length, 5)
        const rows = (yield* collect(Batch.results(batch))).filter(({ state }) => state === "done")
        for (const row of rows) assert.deepStrictEqual([row.isCostUnknown, row.costUsd], [true, undefined])
      }).pipe(Effect.provide(told(costUsd))))
  }

  it.live("is spent by one row that says that it cost 1e90", () =>
    Effect.gen(function*() {
      const batch = echoing("absurd", "acme/test/priced")
      const options = { ...quick, budgetUsd: 0.1, maxCostPerRow: 0.02, concurrency: 1 }
      const summary = yield* Batch.run(batch, numbered(60), options)
      assert.deepStrictEqual([summary.stop?.reason, summary.states.done], ["budget", 1])
      assert.strictEqual(summary.costUsd, `1${"0".repeat(90)}`)
    }).pipe(Effect.provide(told("1e90"))))

  it.live("counts rows that ran before it, whose costs were not read, as what a row may cost", () =>
    Effect.gen(function*() {
      const batch = echoing("before", "acme/test/priced")
      assert.notProperty(yield* Batch.run(batch, numbered(11), quick), "unknownCosts")
      const run = (budgetUsd: number) =>
        Effect.map(
          Batch.run(batch, numbered(20), { ...quick, budgetUsd, maxCostPerRow: 0.02 }),
          ({ costUsd, states, stop, unknownCosts }) => [stop?.reason, states.done, costUsd, unknownCosts]
        )
      assert.deepStrictEqual(yield* run(0.2), ["budget", 11, "0.22", 11])
      assert.strictEqual((yield* runsOf).length, 11)
      assert.deepStrictEqual(yield* run(0.25), ["budget", 13, "0.24", 11])
      assert.deepStrictEqual(yield* run(1), [undefined, 20, "0.31", 11])
    }).pipe(Effect.provide(layer(priced("0.01")))))

  it.live("counts attempts that were made before it, and not rows that were refused without a run", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows(failing.flows[0]!)
      const batch = echoing("attempts", "acme/test/fails")
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["422"] })
      yield* Batch.run(batch, numbered(4), quick)
      yield* Batch.retry("attempts", { only: "failed" })
      const { assumedUsd, costUsd, states, unknownCosts } = yield* Batch.run(batch, numbered(4), {
        ...quick,
        budgetUsd: 1,
        maxCostPerRow: 0.02
      })
      assert.deepStrictEqual([states.failed, costUsd, unknownCosts, assumedUsd], [4, "0.1", 3, "0.06"])
    }).pipe(Effect.provide(layer(priced("0.01")))))

  it.live("counts attempts whose costs became unknown before it", () =>
    Effect.gen(function*() {
      const batch = echoing("looked", "acme/test/fails")
      yield* Batch.run(batch, numbered(4), quick)
      // nothing is left to run: costs are only asked for
      yield* Batch.run(batch, numbered(4), { ...quick, cost: true })
      yield* Batch.retry("looked", { only: "failed" })
      const summary = yield* Batch.run(batch, numbered(4), { ...quick, budgetUsd: 0.08, maxCostPerRow: 0.02 })
      assert.deepStrictEqual([summary.stop?.reason, summary.costUsd], ["budget", "0.08"])
      assert.strictEqual((yield* runsOf).length, 4)
    }).pipe(Effect.provide(layer(failing))))

  it.live("counts failed runs whose responses have no id, also those before it", () =>
    Effect.gen(function*() {
      const batch = Batch.make({
        id: "no id",
        flow: "acme/test/fails",
        operation: "execute",
        key: (row: Row) => row.id,
        input: (row) => ({ message: row.id })
      })
      const run = (rows: number, options: object) =>
        Effect.map(
          Batch.run(batch, numbered(rows), { ...quick, concurrency: 1, ...options }),
          ({ costUsd, states, stop }) => [stop?.reason, states.failed, costUsd]
        )
      assert.deepStrictEqual(yield* run(2, {}), [undefined, 2, undefined])
      assert.deepStrictEqual(yield* run(12, { budgetUsd: 0.06, maxCostPerRow: 0.02 }), ["budget", 3, "0.06"])
      assert.strictEqual((yield* runsOf).length, 3)
      const beliefs = (yield* collect(Batch.expected("no id"))).slice(0, 3).map(({ belief }) => belief)
      assert.deepStrictEqual(beliefs, ["ran", "ran", "ran"])
    }).pipe(Effect.provide(behind(
      failing,
      ({ path }, body) => path.endsWith("/execute") ? body.replace(/,?"executionId":"[^"]*"/g, "") : body
    ))))

  it.live("counts rows that ran before it in a fleet whose processes were all killed", () =>
    Effect.gen(function*() {
      const { sql } = yield* BatchStore
      const batch = echoing("fleet", "acme/test/priced")
      const run = (rows: number, options: object) =>
        Effect.map(
          Effect.provideService(Batch.run(batch, numbered(rows), { ...quick, ...options }), BatchEngine, inTwoLanes),
          ({ costUsd, states, stop, unknownCosts }) => [stop?.reason, states.done, costUsd, unknownCosts]
        )
      yield* run(11, {})
      yield* sql`update noukai_batch set state = 'running', ended_at = 0`
      assert.deepStrictEqual(yield* run(20, { budgetUsd: 0.2, maxCostPerRow: 0.02 }), ["budget", 11, "0.22", 11])
      yield* sql`update noukai_batch set state = 'running', ended_at = 0`
      assert.deepStrictEqual(yield* run(20, { budgetUsd: 0.25, maxCostPerRow: 0.02 }), ["budget", 13, "0.24", 11])
    }).pipe(Effect.provide(layer(priced("0.01")))))

  it.live("holds where the response to a claim was lost", () =>
    Effect.gen(function*() {
      const { sql } = yield* BatchStore
      const all = Database.prototype.all
      let lost = 0
      const lossy = vi.spyOn(Database.prototype, "all").mockImplementation(function(this: Database, text, values) {
        const rows = all.call(this, text, values)
        if (/set state = 'intent', owner/.test(text) && rows.length > 1 && lost++ === 0) {
          throw new Error("connection lost")
        }
        return rows
      })
      const options = { ...quick, concurrency: 8, budgetUsd: 10, maxCostPerRow: 1 }
      const summary = yield* Batch.run(echoing("lost", "acme/test/priced"), numbered(40), options)
      lossy.mockRestore()
      assert.isAbove(lost, 0)
      assert.deepStrictEqual([summary.stop?.reason, summary.costUsd], ["budget", "10"])
      assert.strictEqual((yield* runsOf).length, 10)
      assert.deepStrictEqual(yield* sql`select reserved_usd, spent_usd from noukai_batch`, [
        { reserved_usd: "0", spent_usd: "10" }
      ])
    }).pipe(Effect.provide(layer(priced("1")))))

  it.live("counts costs that an earlier run could not read, once", () =>
    Effect.gen(function*() {
      const batch = echoing("unread", "acme/test/priced")
      const costs = (options: object, rows: number) =>
        Effect.map(
          Batch.run(batch, numbered(rows), { ...quick, ...options }),
          ({ costUsd, unknownCosts }) => [costUsd, unknownCosts]
        )
      assert.deepStrictEqual(yield* costs({ cost: true }, 2), ["0", 2])
      const budget = { budgetUsd: 1, maxCostPerRow: 0.02 }
      assert.deepStrictEqual(yield* costs(budget, 2), ["0.04", 2])
      assert.deepStrictEqual(yield* costs(budget, 3), ["0.06", 3])
      assert.deepStrictEqual(yield* costs({ cost: true }, 3), ["0.06", 3])
      assert.deepStrictEqual(yield* costs(budget, 3), ["0.06", 3])
    }).pipe(Effect.provide(told("NaN"))))

  it.live("counts costs below a billionth", () =>
    Effect.gen(function*() {
      const batch = echoing("tiny", "acme/test/priced")
      const options = { ...quick, budgetUsd: "0.00000000005", maxCostPerRow: 0.000000000003 }
      const summary = yield* Batch.run(batch, numbered(30), options)
      const emulator = yield* Emulator
      const { billedUsd } = yield* emulator.ledger
      assert.strictEqual(summary.costUsd, billedUsd)
      assert.strictEqual(summary.stop?.reason, "budget")
      assert.isAtLeast(summary.states.done, 14)
      assert.isTrue(BigDecimal.lessThanOrEqualTo(usd(billedUsd), usd("0.00000000005")))
    }).pipe(Effect.provide(layer(priced("0.000000000003")))))

  it.live("asks again for a cost after a 404 that does not deny the run, and not after one that does", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const costs = (id: string, ...script: readonly [string, ...Array<string>]) =>
        Effect.gen(function*() {
          yield* emulator.addFaults({ match: { endpoint: "trace" }, script })
          const { costUsd, unknownCosts } = yield* Batch.run(
            echoing(id, "acme/test/priced"),
            numbered(1),
            { ...quick, cost: true }
          )
          return [costUsd, unknownCosts]
        })
      const absent = `404:body=${encodeURIComponent("{\"detail\":{\"code\":\"RUN_NOT_FOUND\"}}")}`
      // a read is made under two paths
      assert.deepStrictEqual(yield* costs("gateway", "404:html", "404:html"), ["0.01", 0])
      assert.deepStrictEqual(yield* costs("denied", absent, absent), ["0", 1])
    }).pipe(Effect.provide(layer(priced("0.01")))))

  it.live("of rows that ran while none were read are unknown, once costs are read", () =>
    Effect.gen(function*() {
      const batch = echoing("later", "acme/test/priced")
      yield* Batch.run(batch, numbered(2), quick)
      const { costUsd, unknownCosts } = yield* Batch.run(batch, numbered(3), { ...quick, cost: true })
      assert.deepStrictEqual([costUsd, unknownCosts], ["0.01", 2])
      const rows = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(rows.map(({ isCostUnknown }) => isCostUnknown), [true, true, undefined])
    }).pipe(Effect.provide(layer(priced("0.01")))))

  it.live("sums all attempts exactly", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const batch = echoing("attempts", "acme/test/twice")
      yield* emulator.putFlows({
        ref: "acme/test/twice",
        steps: [
          { kind: "template", id: "a", output: "x", costUsd: "0.1" },
          { kind: "template", id: "b", output: "x", costUsd: "0.00000000000000000007" },
          { kind: "fail", id: "c", code: "NO_LUCK", message: "no luck" }
        ]
      })
      yield* Batch.run(batch, numbered(7), { ...quick, cost: true })
      yield* Batch.retry("attempts", { only: "failed" })
      const { costUsd, unknownCosts } = yield* Batch.run(batch, numbered(7), { ...quick, cost: true })
      assert.deepStrictEqual([costUsd, unknownCosts], [(yield* emulator.ledger).billedUsd, 0])
      assert.strictEqual(costUsd, "1.40000000000000000098")
    }).pipe(Effect.provide(layer())))
})
