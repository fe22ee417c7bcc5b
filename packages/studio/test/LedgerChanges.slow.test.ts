/** Ledgers that change in ways other than a batch that goes on, while a studio reads them. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Layer, Stream } from "effect"
import Libsql from "libsql"
import * as Fs from "node:fs"
import { join } from "node:path"
import { folder } from "../../sdk/test/support/folder.js"
import * as Real from "./support/realLedgers.js"

const grades = { ledger: "grades.ledger", batch: "grades" }

/** A folder with a batch of 27 rows, three of which failed, and what a studio reads of it. */
const made = Effect.gen(function*() {
  const path = yield* folder
  yield* Real.completed(join(path, grades.ledger), 27, grades.batch)
  const ledgers = Context.get(yield* Layer.build(LedgerSource.layer({ folder: path })), StudioLedgers)
  return { path, ledgers }
})

const changed = (path: string, statement: string) =>
  Effect.sync(() => {
    const database = new Libsql(join(path, grades.ledger))
    database.exec(statement)
    database.close()
  })

describe("a ledger that a studio reads", () => {
  it.scopedLive("is another one when another file takes its place", () =>
    Effect.gen(function*() {
      const { ledgers, path } = yield* made
      yield* Real.completed(join(path, "other"), 5, grades.batch)
      assert.strictEqual((yield* ledgers.batch(grades)).rows, 27)
      Fs.renameSync(join(path, "other"), join(path, grades.ledger))
      const { counted, rows } = yield* ledgers.batch(grades)
      assert.deepStrictEqual([counted, rows], [5, 5])
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("has each row once in its totals, also rows that are retried and fail again at once", () =>
    Effect.gen(function*() {
      const { ledgers, path } = yield* made
      assert.strictEqual((yield* ledgers.batch(grades)).counted, 27)
      yield* changed(
        path,
        "update noukai_batch_row set settled_no = settled_no + 27, attempt = 2 where state = 'failed'"
      )
      const { counted, durations, errors } = yield* ledgers.batch(grades)
      assert.deepStrictEqual(
        [counted, durations.known + durations.unknown, errors.reduce((sum, { rows }) => sum + rows, 0)],
        [27, 27, 3]
      )
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("is counted to its end although its invalid rows have no number yet", () =>
    Effect.gen(function*() {
      const { ledgers, path } = yield* made
      yield* changed(path, "update noukai_batch_row set state = 'invalid', settled_no = null where state = 'failed'")
      const shown = yield* Stream.runCollect(ledgers.watch(grades)).pipe(Effect.timeout("5 seconds"))
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(shown).map(({ counted, settled }) => [counted, settled]),
        [[27, 27]]
      )
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("says that the cost of a row is at least what its attempts of known cost sum up to", () =>
    Effect.gen(function*() {
      const { ledgers, path } = yield* made
      yield* changed(
        path,
        `insert into noukai_batch_attempt (batch, row_id, attempt, state, cost_usd)
          select batch, id, 1, 'failed', 'unknown' from noukai_batch_row where state = 'failed';
          update noukai_batch_row set attempt = 2 where state = 'failed'`
      )
      const { costs } = yield* ledgers.batch(grades)
      assert.deepStrictEqual([costs.known, costs.unknown], [24, 3])
      const { rows } = yield* ledgers.rows(grades, { state: "failed" })
      assert.deepStrictEqual(
        rows.map(({ costUsd, unknownCosts }) => [costUsd, unknownCosts]),
        [["0.0021", 1], ["0.0048", 1], ["0.0048", 1]]
      )
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("has no attempt, and no session, of a row that was not sent", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const batch = Batch.make({
        id: grades.batch,
        flow: "acme/essays/grade",
        key: ({ id }: Real.Essay) => id,
        input: ({ text }) => ({ message: text }),
        target: ({ id }) => id === "invalid" ? { version: -1 } : {}
      })
      const rows: ReadonlyArray<Real.Essay> = [
        { id: "sent", text: "fail 1 1" },
        { id: "invalid", text: "Essay 1" },
        { id: "unsent", text: "Essay 2" }
      ]
      yield* Effect.gen(function*() {
        yield* Batch.run(batch, BatchSource.fromIterable(rows), { concurrency: 1, maxFailures: 0, grace: 100 })
        yield* Batch.retry(grades.batch, { only: "failed" })
        yield* Batch.cancel(grades.batch)
      }).pipe(Effect.provide(Real.onFile(join(path, grades.ledger))))
      const ledgers = Context.get(yield* Layer.build(LedgerSource.layer({ folder: path })), StudioLedgers)
      const listed = yield* ledgers.rows(grades, {})
      assert.deepStrictEqual(
        listed.rows.map(({ attempt, key, state }) => [key, state, attempt]),
        [["sent", "cancelled", 1], ["invalid", "invalid", 0], ["unsent", "cancelled", 0]]
      )
      const details = yield* Effect.forEach(rows, ({ id }) => ledgers.row(grades, id))
      assert.deepStrictEqual(details.map(({ row }) => row), listed.rows)
      assert.deepStrictEqual(
        details.map(({ attempts, sessionId }) => [
          attempts.map(({ attempt, state }) => [attempt, state]),
          sessionId
        ]),
        [[[[1, "failed"]], undefined], [[], undefined], [[], undefined]]
      )
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("has the rows of a pattern of keys at once after a search that failed", () =>
    Effect.gen(function*() {
      const { ledgers, path } = yield* made
      const search = ledgers.rows({ ...grades, batch: "later" }, { key: "pupil-*" })
      assert.strictEqual((yield* Effect.flip(search))._tag, "NotFound")
      yield* Real.completed(join(path, grades.ledger), 2, "later")
      assert.deepStrictEqual((yield* search).rows.map(({ no }) => no), [1, 2])
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("has rows in doubt with a pattern of keys", () =>
    Effect.gen(function*() {
      const { ledgers, path } = yield* made
      yield* changed(path, "update noukai_batch_row set state = 'reported' where state = 'failed'")
      const { hasAfter, hasBefore, rows } = yield* ledgers.rows(grades, { state: "doubtful", key: "pupil-*", limit: 2 })
      assert.deepStrictEqual([rows.map(({ no }) => no), hasBefore, hasAfter], [[9, 18], false, true])
      const last = yield* ledgers.rows(grades, { state: "doubtful", key: "pupil-*", after: 18 })
      assert.deepStrictEqual([last.rows.map(({ no }) => no), last.hasBefore, last.hasAfter], [[27], true, false])
    }).pipe(Effect.provide(Real.emulator)))
})
