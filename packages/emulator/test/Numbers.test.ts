/** Numbers and times of the options of an emulator. */
import { EmulatorError, type EmulatorOptions, startEmulator } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"

const optionsOf = (value: number): ReadonlyArray<readonly [path: string, EmulatorOptions]> => [
  ["port", { port: value }],
  ["toolIterationLimit", { toolIterationLimit: value }],
  ["limits.bodyBytes", { limits: { bodyBytes: value } }],
  ["limits.connections", { limits: { connections: value } }],
  ["limits.runs", { limits: { runs: value } }],
  ["limits.requestTimeout", { limits: { requestTimeout: value } }],
  ["jobs.workers", { jobs: { workers: value } }],
  ["jobs.capacity", { jobs: { capacity: value } }],
  ["jobs.rowDelay", { jobs: { rowDelay: value } }],
  ["sessions.lag", { sessions: { lag: value } }]
]

describe("the numbers of an emulator", () => {
  it.effect("are finite, in their range, and whole where they count", () =>
    Effect.gen(function*() {
      for (const value of [NaN, -1, Infinity, Number("1e400"), 0.5]) {
        for (const [path, options] of optionsOf(value)) {
          if (value === 0.5 && /Timeout|Delay|lag/.test(path)) continue
          const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(options))))
          assert.deepStrictEqual([error.reason, error.path], ["Config", path], `${value}`)
          assert.include(error.message, `not ${value}`)
        }
      }
      assert.deepInclude(yield* Effect.flip(Effect.scoped(Layer.build(layer({ seed: 0.5 })))), { path: "seed" })
      const rejected = yield* Effect.flip(Effect.tryPromise({
        try: () => startEmulator({ port: 70_000 }),
        catch: (error) => error
      }))
      assert.instanceOf(rejected, EmulatorError)
      const nth = { match: { nth: 0.5 }, script: ["503"] } as const
      assert.deepInclude(yield* Effect.flip(Effect.scoped(Layer.build(layer({ faults: [nth] })))), { path: "faults" })
    }))
})
