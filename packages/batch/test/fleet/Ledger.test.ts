/** Statements of the ledger, in the words of PostgreSQL. */
import { Batch, BatchStore } from "@effect-noukai/batch"
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { BigDecimal, Effect, Layer, Option, Redacted, Stream } from "effect"
import * as Batches from "../../src/internal/ledger/batches.js"
import * as Limits from "../../src/internal/ledger/limits.js"
import * as Planning from "../../src/internal/ledger/planning.js"
import * as Reading from "../../src/internal/ledger/reading.js"
import * as Rows from "../../src/internal/ledger/rows.js"
import * as Settling from "../../src/internal/ledger/settling.js"
import { ledgerFile } from "../support/batches.js"
import { oddTexts } from "../support/oddTexts.js"
import { startPostgres } from "./support/postgres.js"

const usd = BigDecimal.unsafeFromString

const settings: Batches.Settings = { concurrency: 4, lanes: 1, cost: false, grace: 200, adopt: true }

/** Keys of the most characters, whose bytes no index of PostgreSQL holds: random, so that nothing compresses them. */
const longKeys = Array.from(
  { length: 3 },
  (_, n) =>
    Array.from({ length: 1024 }, (_, at) => String.fromCharCode(0x4e00 + (at * at * 7919 + n * 104_729) % 20_000)).join(
      ""
    )
)

const longNames = Effect.gen(function*() {
  const ledger = yield* BatchStore
  const name = longKeys[0]!
  const what = { name, flow: "acme/test/echo", version: "production", operation: "jobs" } as const
  const { id } = yield* Batches.planned(ledger, what, settings, 1)
  assert.strictEqual((yield* Batches.planned(ledger, what, settings, 1)).id, id)
  const rows = longKeys.map((key) => ({ key, at: key, input: "{}", error: undefined }))
  for (const [added, known] of [[3, undefined], [0, 3]] as const) {
    const pass = yield* Planning.begun(ledger, id, 1)
    yield* Planning.add(ledger, pass, rows)
    assert.deepStrictEqual([pass.found.added, pass.found.known.pending], [added, known])
  }
  const found = yield* Stream.runCollect(Reading.inOrder(ledger, { id, flow: "acme/test/echo", version: "production" }))
  assert.deepStrictEqual(Array.from(found, ({ key }) => key), longKeys)
})

const statements = Effect.gen(function*() {
  const ledger = yield* BatchStore
  const what = { name: "pg", flow: "acme/test/echo", version: "production", operation: "jobs" } as const
  const planned = yield* Batches.planned(ledger, what, settings, 1)
  const rows = ["a", "b", "c"].map((key) => ({ key, at: key, input: "{}", error: undefined }))
  yield* Planning.add(ledger, yield* Planning.begun(ledger, planned.id, 1), rows)
  const started = yield* Batches.started(ledger, planned, 2)
  assert(started._tag === "Some")
  const { generation, id } = started.value
  const claim = { batch: id, generation, owner: "one", lane: 0, count: 3, now: 1000, reserved: usd("0.067") }
  const [row] = Option.getOrThrow(yield* Rows.claimWithin(ledger, claim, usd("0.134")))
  assert.isTrue(Option.isNone(yield* Rows.claimWithin(ledger, claim, usd("0.134"))))
  assert.deepStrictEqual(yield* Rows.left(ledger, id), { isPending: true, isLive: true })
  const settle = Rows.transit(ledger, id, "one", [{
    id: row!.id,
    attempt: 1,
    from: ["intent"],
    to: "done",
    result: "null",
    settledAt: 3,
    released: row!.reserved,
    spent: usd("0.0000000000000000003")
  }])
  assert.deepStrictEqual([(yield* settle).size, (yield* settle).size], [1, 0])
  const { reserved_usd, spent_usd } = yield* Batches.get(ledger, "pg")
  assert.deepStrictEqual([reserved_usd, spent_usd].map(BigDecimal.format), ["0.067", "3e-19"])
  yield* ledger.sql`update noukai_batch set reserved_usd = '1.067' where id = ${id}`
  yield* Limits.recount(ledger, id, (yield* Batches.get(ledger, "pg")).settings, true)
  assert.strictEqual(BigDecimal.format((yield* Batches.get(ledger, "pg")).reserved_usd), "0.067")
  const [other] = yield* Rows.adopted(ledger, id, "other", 0, 5000)
  assert.deepStrictEqual([other!.state, other!.intentAt], ["uncertain", 6000])
  const back = { id: other!.id, attempt: 1, from: ["intent", "uncertain"], to: "pending" } as const
  assert.strictEqual((yield* Rows.transit(ledger, id, "one", [back])).size, 0)
  assert.strictEqual((yield* Rows.transit(ledger, id, "other", [{ ...back, nextAttempt: 2 }])).size, 1)
  yield* Batches.cancelled(ledger, id, 4)
  assert.strictEqual(yield* Settling.cancelPending(ledger, id, 5), 2)
  assert.strictEqual((yield* Batches.started(ledger, started.value, 6))._tag, "None")
  assert.strictEqual(yield* Settling.retried(ledger, id, "cancelled"), 2)
  assert.deepStrictEqual(yield* Rows.left(ledger, id), { isPending: true, isLive: false })
})

const refusedRow = Effect.gen(function*() {
  const ledger = yield* BatchStore
  const what = { name: "refused", flow: "acme/test/echo", version: "production", operation: "jobs" } as const
  const planned = yield* Batches.planned(ledger, what, settings, 1)
  const planning = Effect.fnUntraced(function*(no: number, input: string) {
    const pass = yield* Planning.begun(ledger, planned.id, no)
    yield* Planning.add(ledger, pass, ["a", "b"].map((key) => ({ key, at: key, input, error: undefined })))
    return [pass.found.updated, pass.found.refusedCount]
  })
  yield* planning(1, "{}")
  const { generation, id } = Option.getOrThrow(yield* Batches.started(ledger, planned, 2))
  const claim = { batch: id, generation, owner: "one", lane: 0, count: 2, now: 1000, reserved: usd("0") }
  const [a, b] = yield* Rows.claim(ledger, claim)
  const failed = { attempt: 1, from: ["intent"], to: "failed", error: "{}", settledAt: 3 } as const
  yield* Rows.transit(ledger, id, "one", [{ ...failed, id: a!.id, isRefused: true }, { ...failed, id: b!.id }])
  assert.deepStrictEqual(yield* planning(2, "{\"message\":\"new\"}"), [1, 1])
  assert.strictEqual(yield* Settling.retried(ledger, id, "failed"), 2)
  assert.deepStrictEqual(yield* planning(3, "{\"message\":\"newer\"}"), [1, 1])
  assert.deepStrictEqual([yield* Rows.inputOf(ledger, a!.id), yield* Rows.inputOf(ledger, b!.id)], [
    "{\"message\":\"newer\"}",
    "{}"
  ])
})

it.scopedLive("say the same as those of a file", () =>
  Effect.gen(function*() {
    const { url } = yield* startPostgres
    const store = Layer.provide(BatchStore.layerSql, PgClient.layer({ url: Redacted.make(url) }))
    yield* Effect.provide(Effect.all([statements, refusedRow, longNames, oddTexts]), store)
    yield* Effect.provide(
      Effect.all([statements, refusedRow, longNames, oddTexts]),
      BatchStore.layerFile(yield* ledgerFile)
    )
  }))

it.scopedLive("of PostgreSQL is read by a role that may only read", () =>
  Effect.gen(function*() {
    const { url } = yield* startPostgres
    const storeOf = (user: string) =>
      Layer.fresh(
        Layer.provideMerge(
          BatchStore.layerSql,
          PgClient.layer({ url: Redacted.make(url.replace("noukai@", `${user}@`)) })
        )
      )
    const reader = storeOf("reader")
    yield* Effect.provide(oddTexts, storeOf("noukai"))
    yield* Effect.provide(
      Effect.flatMap(BatchStore, ({ sql }) =>
        Effect.all([
          sql`create role reader login`,
          sql`grant select on all tables in schema public to reader`,
          sql`alter role reader set default_transaction_read_only = on`
        ])),
      storeOf("noukai")
    )
    yield* Effect.gen(function*() {
      assert.strictEqual((yield* Batch.status("odd")).states.done, 300)
      assert.strictEqual(yield* Stream.runCount(Batch.results("odd")), 300)
      assert.strictEqual((yield* Effect.flip(Batch.cancel("odd")))._tag, "BatchStoreError")
    }).pipe(Effect.provide(reader))
    const moved = (id: number) =>
      Effect.provide(
        Effect.flatMap(
          BatchStore,
          ({ sql }) =>
            sql`update noukai_batch_migration set migration_id = ${id} where migration_id = (select max(migration_id) from noukai_batch_migration)`
        ),
        storeOf("noukai")
      )
    yield* moved(999)
    for (const user of ["reader", "noukai"]) {
      const error = yield* Effect.flip(Effect.provide(Batch.status("odd"), storeOf(user)))
      assert.strictEqual(error._tag, "BatchStoreError")
      assert.match(
        error.message,
        /schema version 999, and this version of @effect-noukai\/batch has \d+: use the newer/
      )
    }
  }))
