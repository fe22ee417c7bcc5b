/** Rows page by page, and ledgers that are only read. */
import { Batch, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { SessionService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import Libsql from "libsql"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { client, collect, echoing, layer, ledgerFile, numbered, onFile, type Row, rowsOf } from "./support/batches.js"
import { scansOf, statementsOf } from "./support/statements.js"

/** Rows of which every third one fails. */
const mixed = Batch.make({
  id: "mixed",
  flow: "acme/test/echo",
  key: (row: Row) => row.id,
  target: ({ id }) => Number(id.slice(4)) % 3 === 0 ? { flow: "acme/test/fails" } : {},
  input: ({ id }) => ({ message: id })
})

const numbersOf = (rows: ReadonlyArray<{ readonly no: number }>) => rows.map(({ no }) => no)

const pageOf = (options: Parameters<typeof Batch.page>[1]) => Effect.map(Batch.page("mixed", options), numbersOf)

describe("a page of rows", () => {
  it.live("has the rows after or before a number, in order, of any state or of one", () =>
    Effect.gen(function*() {
      yield* Batch.run(mixed, numbered(20), { grace: 100 })
      assert.deepStrictEqual(yield* pageOf({ limit: 3 }), [1, 2, 3])
      assert.deepStrictEqual(yield* pageOf({ limit: 3, after: 18 }), [19, 20])
      assert.deepStrictEqual(yield* pageOf({ limit: 3, after: 20 }), [])
      assert.deepStrictEqual(yield* pageOf({ limit: 3, before: 18 }), [15, 16, 17])
      assert.deepStrictEqual(yield* pageOf({ limit: 3, before: 1 }), [])
      assert.deepStrictEqual(yield* pageOf({ limit: 3, before: 999_999_999 }), [18, 19, 20])
      assert.deepStrictEqual(yield* pageOf({ limit: 2, after: 4, state: "failed" }), [6, 9])
      assert.deepStrictEqual(yield* pageOf({ limit: 2, before: 10, state: "failed" }), [6, 9])
      assert.deepStrictEqual(yield* pageOf({ limit: 4, after: 4, state: ["failed", "done"] }), [5, 6, 7, 8])
      assert.deepStrictEqual(yield* pageOf({ state: ["pending", "submitted", "timedOut"] }), [])
      assert.deepStrictEqual(yield* pageOf({ numbers: [9, 2, 77] }), [2, 9])
      const [brief] = yield* Batch.page("mixed", { numbers: [1] })
      assert.notProperty(brief, "result")
      const [whole] = yield* Batch.page("mixed", { numbers: [1], withDocuments: true })
      assert.deepStrictEqual([whole!.input, whole!.result], [{ message: "row 1" }, { said: "row 1" }])
    }).pipe(Effect.provide(layer())))

  it.live("goes on from a number whose row is gone", () =>
    Effect.gen(function*() {
      yield* Batch.run(mixed, numbered(9), { grace: 100 })
      const { sql } = yield* BatchStore
      yield* sql`delete from noukai_batch_row where no = 6`
      assert.deepStrictEqual(yield* pageOf({ after: 6, state: "failed" }), [9])
      assert.deepStrictEqual(yield* pageOf({ before: 6, state: "failed" }), [3])
      assert.deepStrictEqual(yield* pageOf({ before: 6, limit: 2 }), [4, 5])
    }).pipe(Effect.provide(layer())))

  it.live("is found by indexes, also by state and by numbers", () =>
    Effect.gen(function*() {
      yield* Batch.run(mixed, numbered(30), { grace: 100 })
      const sent = yield* statementsOf(Effect.all([
        Batch.page("mixed", { after: 3, limit: 2 }),
        Batch.page("mixed", { before: 9, limit: 2 }),
        Batch.page("mixed", { after: 3, limit: 2, state: "failed" }),
        Batch.page("mixed", { before: 9, limit: 2, state: ["pending", "done", "timedOut"] }),
        Batch.page("mixed", { numbers: [1, 2] }),
        Batch.settled("mixed", 3)
      ]))
      for (const one of sent.values()) {
        const scans = (yield* scansOf(one)).filter((scan) =>
          !/USE TEMP B-TREE FOR (?:RIGHT PART OF )?ORDER BY/.test(scan)
        )
        assert.deepStrictEqual(scans.filter((scan) => /noukai|SCAN r\b|\br\b/.test(scan)), [], one.text)
      }
    }).pipe(Effect.provide(layer())))
})

describe("numbers of rows", () => {
  const odd = ["a%b", "a_b", "aXb", "A%b", "a\\b", "🦊-1", "🦊-2", "a*b"]

  it.live("are those of a pattern of keys and a state", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("odd"), rowsOf(...odd), { grace: 100 })
      const of = (key: string, state?: "done" | "failed") =>
        Effect.map(collect(Batch.numbers("odd", key, state)), (found) => found.map((no) => odd[no - 1]))
      assert.deepStrictEqual(yield* of("*"), odd)
      assert.deepStrictEqual(yield* of("a?b"), ["a%b", "a_b", "aXb", "a\\b", "a*b"])
      assert.deepStrictEqual(yield* of("a%b"), ["a%b"])
      assert.deepStrictEqual(yield* of("a_b"), ["a_b"])
      assert.deepStrictEqual(yield* of("a\\\\b"), ["a\\b"])
      assert.deepStrictEqual(yield* of("a\\*b"), ["a*b"])
      assert.deepStrictEqual(yield* of("?-*"), ["🦊-1", "🦊-2"])
      assert.deepStrictEqual(yield* of("*", "failed"), [])
      assert.deepStrictEqual((yield* of("*", "done")).length, odd.length)
    }).pipe(Effect.provide(layer())))
})

describe("settled rows", () => {
  it.live("have their facts, and the cost of all attempts", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "acme/test/paid",
        steps: [{ kind: "template", id: "a", output: 1, costUsd: "0.1" }]
      })
      const batch = echoing("paid", "acme/test/paid")
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["ok"] })
      yield* Batch.run(batch, numbered(3), { grace: 100, cost: true })
      const { sql } = yield* BatchStore
      yield* sql`update noukai_batch_row set attempt = 2 where no = 2`
      yield* sql`
        insert into noukai_batch_attempt (batch, row_id, attempt, state, cost_usd)
        select batch, id, 1, 'failed', '0.05' from noukai_batch_row where no = 2`
      const rows = yield* Batch.settled("paid")
      assert.deepStrictEqual(rows.map(({ settledNo }) => settledNo), [1, 2, 3])
      assert.deepStrictEqual(
        rows.toSorted((one, other) => one.no - other.no).map(({ attemptsCostUsd, state }) => [attemptsCostUsd, state]),
        [["0.1", "done"], ["0.15", "done"], ["0.1", "done"]]
      )
      assert.deepStrictEqual((yield* Batch.settled("paid", 2)).map(({ settledNo }) => settledNo), [3])
      assert.deepStrictEqual(yield* Batch.settled("paid", 3), [])
      yield* Batch.run(mixed, numbered(3), { grace: 100 })
      const [failed] = (yield* Batch.settled("mixed")).filter(({ state }) => state === "failed")
      assert.deepStrictEqual([failed!.no, failed!.error?.code], [3, "NO_LUCK"])
    }).pipe(Effect.provide(layer())))
})

describe("the session of a row", () => {
  for (const operation of ["jobs", "execute"] as const) {
    it.live(`is that in which its run is listed: ${operation}`, () =>
      Effect.gen(function*() {
        const batch = Batch.make({
          id: operation,
          flow: "acme/test/echo",
          operation: operation as "execute",
          key: (row: Row) => row.id,
          input: ({ id }) => ({ message: id })
        })
        yield* Batch.run(batch, numbered(2), { grace: 100 })
        const sessions = yield* SessionService
        for (const row of (yield* Batch.resultsOf(operation, ["row 1", "row 2"])).values()) {
          const { executions } = yield* sessions.get(yield* Batch.session(operation, row))
          assert.deepStrictEqual(executions.map(({ executionId }) => executionId), [row.executionId])
        }
      }).pipe(Effect.provide(layer())))
  }
})

describe("a ledger that is only read", () => {
  const files = (path: string) =>
    Fs.readdirSync(dirname(path)).sort().map((name) => [name, Fs.readFileSync(`${dirname(path)}/${name}`, "base64")])

  const read = (path: string) => Effect.provide(Batch.list(), BatchStore.layerFileReadOnly(path))

  const ended = Effect.gen(function*() {
    const path = yield* ledgerFile
    yield* Effect.provide(Batch.run(echoing("one"), numbered(3), { grace: 100 }), onFile(path)).pipe(
      Effect.provide(client())
    )
    return path
  })

  it.scopedLive("stays as it is, with nothing beside it", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const before = files(path)
      assert.strictEqual((yield* read(path)).length, 1)
      assert.deepStrictEqual(files(path), before)
    }))

  it.scopedLive("keeps the log of a process that was killed", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const database = new Libsql(path)
      database.exec("pragma journal_mode = wal")
      database.exec("update noukai_batch set note = 'in the log'")
      // the files of a process that is gone
      const copy = yield* ledgerFile
      for (const end of ["", "-wal"]) Fs.copyFileSync(path + end, copy + end)
      const before = [Fs.readFileSync(copy, "base64"), Fs.readFileSync(`${copy}-wal`, "base64")]
      assert.strictEqual((yield* read(copy))[0]!.note, "in the log")
      assert.deepStrictEqual([Fs.readFileSync(copy, "base64"), Fs.readFileSync(`${copy}-wal`, "base64")], before)
    }))

  it.scopedLive("is read without a log where it was left in the mode of one", () =>
    Effect.gen(function*() {
      const path = yield* ended
      const database = new Libsql(path)
      database.exec("pragma journal_mode = wal")
      const copy = yield* ledgerFile
      Fs.copyFileSync(path, copy)
      const before = files(copy)
      assert.strictEqual((yield* read(copy)).length, 1)
      assert.deepStrictEqual(files(copy), before)
    }))

  it.scopedLive("is not written", () =>
    Effect.gen(function*() {
      const current = yield* ended
      const after = files(current)
      const error = yield* Effect.flip(Effect.provide(Batch.cancel("one"), BatchStore.layerFileReadOnly(current)))
      assert.match(error.message, /opened to read/)
      assert.deepStrictEqual(files(current), after)
    }))

  it.scopedLive("is not made", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      assert.deepStrictEqual(yield* read(path), [])
      yield* Effect.flip(Effect.provide(
        Batch.plan(echoing("x"), BatchSource.fromIterable<Row>([])).pipe(Effect.zipRight(Batch.pause("x"))),
        BatchStore.layerFileReadOnly(path)
      ))
      assert.deepStrictEqual(files(path), [])
    }))
})

describe("batches by a prefix", () => {
  it.live("are found if it has characters of two code units", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("🦊/one"), numbered(1), { grace: 100 })
      assert.deepStrictEqual((yield* Batch.list("🦊/")).map(({ batch }) => batch), ["🦊/one"])
      assert.deepStrictEqual(yield* Stream.runCount(Batch.refused("🦊/one")), 0)
    }).pipe(Effect.provide(layer())))
})
