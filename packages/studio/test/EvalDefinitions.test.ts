/** Definitions of one name in several folders. */
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { folder } from "../../sdk/test/support/folder.js"
import * as Real from "./support/realLedgers.js"

describe("an eval run", () => {
  it.scopedLive("is judged by the definition that is nearest to its ledger", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Real.evals(join(path, "2025"), 5)
      Fs.cpSync(join(path, "2025"), join(path, "2026/november"), { recursive: true })
      Fs.renameSync(join(path, "2026/november/spelling.eval.yaml"), join(path, "2026/spelling.eval.yaml"))
      const { evals } = Context.get(yield* Layer.build(LedgerSource.layer({ folder: path })), StudioLedgers)
      assert.deepStrictEqual(
        (yield* evals).runs.map(({ definition, ledger }) => [ledger, definition]).sort(),
        [
          ["2025/spelling.ledger", "2025/spelling.eval.yaml"],
          ["2026/november/spelling.ledger", "2026/spelling.eval.yaml"]
        ]
      )
    }).pipe(Effect.provide(Real.emulator)))

  it.scopedLive("is read again after a read that failed", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const { run } = yield* Real.evals(path, 5)
      const file = join(path, "spelling.ledger")
      const bytes = Fs.readFileSync(file)
      const write = (bytes: Uint8Array) =>
        Effect.sync(() => {
          Fs.writeFileSync(file, bytes)
          // as if it had not changed
          Fs.utimesSync(file, 1_000, 1_000)
        })
      yield* write(bytes)
      const { cases, evals } = Context.get(yield* Layer.build(LedgerSource.layer({ folder: path })), StudioLedgers)
      yield* evals
      yield* write(new Uint8Array(bytes.length))
      const address = { ledger: "spelling.ledger", eval: "spelling", run }
      assert.strictEqual((yield* Effect.flip(cases(address, {})))._tag, "Unavailable")
      yield* write(bytes)
      // the failure counts until the clock goes on
      const again = Effect.retry(cases(address, {}), { times: 100, schedule: Schedule.spaced("1 millis") })
      assert.strictEqual((yield* again).total, 5)
    }).pipe(Effect.provide(Real.emulator)))
})
