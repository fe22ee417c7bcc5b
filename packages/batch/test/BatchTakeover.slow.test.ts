/** Rows between lanes and processes: what one of them began and left is never begun again by another. */
import { BatchStore } from "@effect-noukai/batch"
import { APIConnectionError, APITimeoutError } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Deferred, Effect, Fiber, identity, Layer, Option, Queue } from "effect"
import * as Driver from "../src/internal/drive/driver.js"
import * as Running from "../src/internal/drive/running.js"
import { runRow } from "../src/internal/drive/runRow.js"
import type { Runs } from "../src/internal/drive/runs.js"
import * as Batches from "../src/internal/ledger/batches.js"
import * as Planning from "../src/internal/ledger/planning.js"
import * as Reading from "../src/internal/ledger/reading.js"
import * as Rows from "../src/internal/ledger/rows.js"
import { ledgerFile } from "./support/batches.js"

const layer = () => Layer.unwrapScoped(Effect.map(ledgerFile, (path) => BatchStore.layerFile(path)))

/** A batch of rows `1`, `2` and so on, which runs. */
const planned = (count: number, settings: Partial<Batches.Settings> = {}) =>
  Effect.gen(function*() {
    const ledger = yield* BatchStore
    const batch = yield* Batches.planned(
      ledger,
      { name: "lanes", flow: "acme/test/echo", version: "production", operation: "jobs" },
      { concurrency: 4, lanes: 2, cost: false, grace: 200, adopt: true, ...settings },
      Date.now()
    )
    const rows = Array.from({ length: count }, (_, n) => ({ key: `${n + 1}`, at: "", input: "{}", error: undefined }))
    yield* Planning.add(ledger, yield* Planning.begun(ledger, batch.id, 1), rows)
    yield* Batches.canaryProven(ledger, batch.id)
    const started = yield* Batches.started(ledger, batch, Date.now())
    assert(started._tag === "Some")
    return [ledger, started.value] as const
  })

const usd = BigDecimal.unsafeFromString

/** A server whose sessions list nothing before `listed`, and whose answers to what begins a run wait for `answered`. */
const server = (answered: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const begun = yield* Queue.unbounded<string>()
    const all: Array<string> = []
    const state = { isListed: false }
    const runs: Runs = {
      look: ({ attempt, key }) =>
        Effect.sync(() => {
          const id = `${key}/${attempt}`
          return state.isListed && all.includes(id) ? { _tag: "found", executionId: id } : { _tag: "absent" }
        }),
      begin: ({ attempt, key }) =>
        Effect.suspend(() => {
          const id = `${key}/${attempt}`
          all.push(id)
          return Effect.as(Effect.zipRight(Queue.offer(begun, id), answered), { _tag: "submitted", executionId: id })
        }),
      follow: (executionId) =>
        Effect.succeed(Effect.succeed({ _tag: "ended", settled: { state: "done", result: "null", executionId } })),
      measure: () => Effect.dieMessage("no cost is asked for")
    }
    return { all, begun, runs, state }
  })

describe.concurrent("a lane", () => {
  it.live(
    "that is interrupted and run again here begins nothing anew that may have been sent",
    () =>
      Effect.gen(function*() {
        const [ledger, batch] = yield* planned(3, { grace: 2000 })
        const gate = yield* Deferred.make<void>()
        const { all, begun, runs, state } = yield* server(Deferred.await(gate))
        const part = yield* Driver.make(ledger, batch, "one", runs)
        const first = yield* Effect.fork(part.lane(0))
        yield* Queue.takeN(begun, 3)
        yield* Fiber.interrupt(first)
        yield* Deferred.succeed(gate, void 0)
        const second = yield* Effect.fork(part.lane(0))
        yield* Effect.sleep("500 millis")
        state.isListed = true
        yield* Fiber.join(second)
        assert.strictEqual((yield* Reading.counts(ledger, batch.id)).done, 3)
        assert.sameMembers(all, ["1/1", "2/1", "3/1"])
      }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.live("looks late for what had no answer: an overloaded server may begin it though its client is gone", () =>
    Effect.gen(function*() {
      const [ledger, batch] = yield* planned(1)
      const { runs } = yield* server(Effect.void)
      const error = new APITimeoutError(
        { method: "JobService.submit", clock: "total", sent: "unknown", isRetryable: false },
        { disableValidation: true }
      )
      const looked = yield* Queue.unbounded<void>()
      const part = yield* Driver.make(ledger, batch, "one", {
        ...runs,
        look: (row) => Effect.zipRight(Queue.offer(looked, void 0), runs.look!(row)),
        begin: () => Effect.fail(error)
      })
      const lane = yield* Effect.fork(part.lane(0))
      const [row] = yield* Effect.repeat(
        Effect.delay(
          ledger.sql<{ readonly intent_at: number }>`
            select intent_at from noukai_batch_row where state = 'uncertain'`,
          10
        ),
        { until: (rows) => rows.length > 0 }
      )
      assert.isAtLeast(row!.intent_at, Date.now() + 20_000)
      // but for the look before it was sent
      assert.strictEqual(yield* Queue.size(looked), 1)
      yield* Fiber.interrupt(lane)
    }).pipe(Effect.scoped, Effect.provide(layer())))

  it.live("has its share of the rows that the fleet may have in flight", () =>
    Effect.gen(function*() {
      const [ledger, batch] = yield* planned(30, { concurrency: 20, fleetConcurrency: 5, lanes: 4, adopt: false })
      const [begun, gate] = [yield* Queue.unbounded<string>(), yield* Deferred.make<void>()]
      const { runs } = yield* server(Effect.void)
      let [running, most] = [0, 0]
      const counting: Runs = {
        ...runs,
        begin: ({ attempt, key }) =>
          Effect.gen(function*() {
            most = Math.max(most, ++running)
            yield* Queue.offer(begun, key)
            yield* Deferred.await(gate)
            running--
            return { _tag: "submitted", executionId: `${key}/${attempt}` }
          })
      }
      // two processes with two lanes each: shares of 2 and 1, and of 1 and 1
      const [one, other] = [
        yield* Driver.make(ledger, batch, "one", counting),
        yield* Driver.make(ledger, batch, "other", counting)
      ]
      const lanes = yield* Effect.forEach([0, 1, 2, 3], (no) => Effect.fork((no < 2 ? one : other).lane(no)))
      yield* Queue.takeN(begun, 5)
      yield* Deferred.succeed(gate, void 0)
      yield* Effect.forEach(lanes, Fiber.join)
      assert.strictEqual((yield* Reading.counts(ledger, batch.id)).done, 30)
      assert.strictEqual(most, 5)
    }).pipe(Effect.scoped, Effect.provide(layer())))

  it.live("gives its slots back when it is interrupted before its rows began", () =>
    Effect.gen(function*() {
      const [ledger, batch] = yield* planned(8, { concurrency: 2 })
      const { all, runs, state } = yield* server(Effect.void)
      state.isListed = true
      const [claims, answers] = [yield* Queue.unbounded<void>(), yield* Queue.unbounded<void>()]
      let isSlow = true
      // a ledger over a network: the answer to a claim takes a while
      const sql = new Proxy(ledger.sql, {
        apply: (target, self, [text, ...values]: [TemplateStringsArray, ...Array<never>]) => {
          const statement = Reflect.apply(target, self, [text, ...values])
          return isSlow && text.join("").includes("set state = 'intent'")
            ? Effect.tap(statement, () => Effect.zipRight(Queue.offer(claims, void 0), Queue.take(answers)))
            : statement
        }
      })
      const part = yield* Driver.make({ sql }, batch, "one", runs)
      for (let n = 0; n < 3; n++) {
        const lane = yield* Effect.fork(part.lane(n))
        yield* Queue.take(claims)
        yield* Fiber.interrupt(lane)
        yield* Queue.offer(answers, void 0)
      }
      isSlow = false
      yield* part.lane(0)
      assert.strictEqual((yield* Reading.counts(ledger, batch.id)).done, 8)
      assert.strictEqual(new Set(all.map((id) => id.split("/")[0])).size, 8)
    }).pipe(Effect.scoped, Effect.provide(layer())))
})

const claimOf = (batch: Batches.BatchRecord, owner: string, reserved = usd("0")) => ({
  batch: batch.id,
  generation: batch.generation,
  owner,
  lane: 0,
  count: 10,
  now: 1000,
  reserved
})

const claimed = (ledger: BatchStore["Type"], batch: Batches.BatchRecord, owner: string) =>
  Rows.claim(ledger, claimOf(batch, owner))

describe("a run that is followed", () => {
  it.live("is left as it is when nothing has succeeded for five minutes", () =>
    Effect.gen(function*() {
      const [ledger, batch] = yield* planned(1)
      const [row] = yield* claimed(ledger, batch, "one")
      const { runs } = yield* server(Effect.void)
      const unreachable = new APIConnectionError({ method: "poll", detail: "refused", sent: "no", isRetryable: true })
      const running = yield* Running.make(ledger, batch, "one")
      running.succeededAt = Date.now() - 301_000
      yield* runRow(running, { ...runs, follow: () => Effect.succeed(Effect.fail(unreachable)) }, {
        ...row!,
        state: "submitted",
        executionId: "x"
      }, identity)
      const { state, stop } = yield* Batches.get(ledger, "lanes")
      assert.deepStrictEqual([state, stop?.reason], ["stopped", "unreachable"])
    }).pipe(Effect.scoped, Effect.provide(layer())))
})

describe("a row that another process took over", () => {
  it.live("waits for the whole grace after the last moment at which it may have been sent", () =>
    Effect.gen(function*() {
      const [ledger, batch] = yield* planned(1)
      yield* claimed(ledger, batch, "one")
      const [row] = yield* Rows.adopted(ledger, batch.id, "other", 0, 5000)
      // it leaves until 3500, and may be under way until 6000
      assert.deepStrictEqual([row!.state, row!.intentAt], ["uncertain", 6000])
    }).pipe(Effect.provide(layer())))

  it.live("is not made pending by the first one, and takes what that one knows", () =>
    Effect.gen(function*() {
      const [ledger, batch] = yield* planned(1)
      const [row] = yield* claimed(ledger, batch, "one")
      yield* Rows.adopted(ledger, batch.id, "other", 0, 5000)
      const to = (to: "pending" | "uncertain" | "submitted", owner: string) =>
        Effect.map(
          Rows.transit(ledger, batch.id, owner, [{ id: row!.id, attempt: 1, from: ["intent", "uncertain"], to }]),
          ({ size }) => size
        )
      assert.deepStrictEqual([yield* to("pending", "one"), yield* to("uncertain", "one")], [0, 0])
      assert.strictEqual(yield* to("submitted", "one"), 1)
      assert.strictEqual((yield* Rows.own(ledger, row!.id, "other"))!.state, "submitted")
    }).pipe(Effect.provide(layer())))

  it.live("is booked once", () =>
    Effect.gen(function*() {
      const [ledger, batch] = yield* planned(1)
      const within = (budget: string) => Rows.claimWithin(ledger, claimOf(batch, "one", usd("0.1")), usd(budget))
      assert.isTrue(Option.isNone(yield* within("0.05")))
      // of two rows that it allows, one is there
      const [row] = Option.getOrThrow(yield* within("0.25"))
      assert.isTrue(Option.isNone(yield* within("0.15")))
      const settle = Rows.transit(ledger, batch.id, "one", [{
        id: row!.id,
        attempt: 1,
        from: ["intent"],
        to: "done",
        settledAt: 1,
        released: row!.reserved,
        spent: usd("0.03000000000000000001")
      }])
      const sizes = [(yield* settle).size, (yield* settle).size]
      const { reserved_usd, spent_usd } = yield* Batches.get(ledger, "lanes")
      assert.deepStrictEqual([sizes, [reserved_usd, spent_usd].map(BigDecimal.format)], [
        [1, 0],
        ["0", "3.000000000000000001e-2"]
      ])
    }).pipe(Effect.provide(layer())))
})
