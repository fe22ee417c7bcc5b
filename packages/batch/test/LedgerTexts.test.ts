/** Texts with NUL and with halves of surrogate pairs, from inputs and from a server. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { client, collect, echoing, ledgerFile, rowsOf, runsOf } from "./support/batches.js"
import { oddTexts } from "./support/oddTexts.js"
import { tampering } from "./support/tampering.js"

/** As JSON has them. */
const odd = "\\u0000\\ud800"

describe("a ledger in a file", () => {
  it.scopedLive("returns inputs, results and errors as they were, whatever characters they have", () =>
    Effect.flatMap(ledgerFile, (path) => Effect.provide(oddTexts, BatchStore.layerFile(path))))
})

describe("a batch", () => {
  it.scopedLive("keeps results and errors of a server with any characters", () =>
    Effect.gen(function*() {
      const { apiKey } = yield* Emulator
      const baseUrl = yield* tampering((_, body) => body.replaceAll("said\":\"a", `said":"a${odd}`))
      const batch = echoing("odd")
      const rows = yield* Effect.gen(function*() {
        yield* Batch.run(batch, rowsOf("a", "b"), { grace: 300 })
        return yield* collect(Batch.results(batch))
      }).pipe(
        Effect.provide(Layer.mergeAll(
          BatchStore.layerFile(yield* ledgerFile),
          BatchEngine.layerLocal,
          Noukai.layer({ apiKey, baseUrl })
        ))
      )
      assert.deepStrictEqual(rows.map(({ result }) => result), [{ said: "a\0\ud800" }, { said: "b" }])
    }).pipe(Effect.provide(client())))

  it.scopedLive("settles rows whose execution ids no database keeps, and runs none twice", () =>
    Effect.gen(function*() {
      const { apiKey } = yield* Emulator
      const baseUrl = yield* tampering((_, body) =>
        body.replaceAll(/"execution_?[iI]d":"[^"]*"/g, (id) => `${id.slice(0, -1)}${odd}"`)
      )
      const batch = echoing("odd ids")
      const rows = yield* Effect.gen(function*() {
        const { status } = yield* Batch.run(batch, rowsOf("a", "b"), { grace: 300 })
        assert.strictEqual(status, "completed")
        return yield* collect(Batch.results(batch))
      }).pipe(
        Effect.provide(Layer.mergeAll(
          BatchStore.layerFile(yield* ledgerFile),
          BatchEngine.layerLocal,
          Noukai.layer({ apiKey, baseUrl })
        ))
      )
      assert.deepStrictEqual(rows.map(({ error, state }) => [state, error?.kind]), [
        ["reported", "InvalidRequestError"],
        ["reported", "InvalidRequestError"]
      ])
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.provide(client())))
})
