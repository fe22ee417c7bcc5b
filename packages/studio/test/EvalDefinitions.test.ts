/** Definitions of one name in several folders. */
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
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
})
