/** Ledgers that change in ways other than a batch that goes on, while a studio reads them. */
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
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
})
