/** A misspelt option of an emulator is refused before it listens. */
import { Emulator, EmulatorError, startEmulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"

const inputs: ReadonlyArray<readonly [options: object, field: string, meant: string]> = [
  [{ flow: [] }, "flow", "flows"],
  [{ prot: 1 }, "prot", "port"],
  [{ toolIterationLimits: 1 }, "toolIterationLimits", "toolIterationLimit"],
  [{ limits: { bodyByte: 1 } }, "limits.bodyByte", "bodyBytes"],
  [{ jobs: { worker: 1 } }, "jobs.worker", "workers"],
  [{ sessions: { lags: 1 } }, "sessions.lags", "lag"]
]

describe("emulator: a misspelt option", () => {
  for (const [options, field, meant] of inputs) {
    it(`is refused: ${field}`, async () => {
      const rejected = await startEmulator(options as never).then(
        async (emulator) => {
          await emulator.close()
          return assert.fail("it started")
        },
        (error: unknown) => error
      )
      const failed = await Effect.runPromise(Effect.flip(Effect.scoped(Emulators.make(options as never))))
      const layered = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(Emulator.layer(options as never)))))
      for (const error of [rejected, failed, layered]) {
        assert.instanceOf(error, EmulatorError)
        assert.strictEqual(error.path, field)
        assert.strictEqual(error.message, `invalid ${field}: is not an option: did you mean ${meant}?`)
      }
    })
  }
})
