/** Which failures of a ledger may pass. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failed, isPassing } from "../../src/internal/ledger/ledger.js"
import { attempted, Database } from "../../src/internal/ledger/sqlite.js"
import { ledgerFile } from "../support/batches.js"

describe("a statement that failed", () => {
  it.scoped("is sent again beside another process, and not on a full disk or a table that is not there", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const open = Effect.acquireRelease(
        Effect.sync(() => new Database(path)),
        (database) => Effect.sync(() => database.close())
      )
      const [one, other] = yield* Effect.all([open, open])
      const passes = (database: Database, text: string) =>
        Effect.map(Effect.flip(Effect.mapError(attempted(() => database.all(text)), failed("wrote"))), (error) => [
          error.detail,
          isPassing(error)
        ])
      one.all("create table bytes (some blob)")
      one.all("pragma max_page_count = 3")
      assert.deepStrictEqual(yield* passes(one, "insert into bytes values (zeroblob(100000))"), [
        "database or disk is full",
        false
      ])
      assert.deepStrictEqual(yield* passes(one, "select * from nowhere"), ["no such table: nowhere", false])
      one.all("begin immediate")
      assert.deepStrictEqual(yield* passes(other, "begin immediate"), ["database is locked", true])
      one.all("rollback")
    }))
})
