/** Numbers and times of the options of an emulator. */
import { EmulatorError, type EmulatorOptions, startEmulator } from "@effect-noukai/emulator"
import * as Emulator from "@effect-noukai/emulator/Emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"

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

const any = (value: unknown) => value as never

const key = { key: "nk_a", org: "a", project: "b" }

/** Amounts are texts, so that no digit is lost. */
const wrongAmounts = [NaN, -1, 0.5, Infinity, "NaN", "-1", "1e3", "Infinity", ""]

const wrongTimes = [NaN, -1, Infinity, "-1 seconds", "Infinity"]

describe("the numbers of accounts and flows", () => {
  it.scoped("are refused at the start, and later", () =>
    Effect.gen(function*() {
      const rows: ReadonlyArray<readonly [options: object, path: string]> = [
        ...wrongAmounts.map((credits) =>
          [{ organisations: { acme: { credits } } }, "organisations.acme.credits"] as const
        ),
        ...[NaN, -1, 0, 0.5, Infinity].flatMap((requests) => [
          [
            { organisations: { acme: { rateLimit: { requests, per: 1 } } } },
            "organisations.acme.rateLimit.requests"
          ] as const,
          [{ keys: [{ ...key, rateLimit: { requests, per: 1 } }] }, "keys[0].rateLimit.requests"] as const
        ]),
        ...wrongTimes.map((per) =>
          [{ keys: [{ ...key, rateLimit: { requests: 1, per } }] }, "keys[0].rateLimit.per"] as const
        ),
        ...[NaN, -1, Infinity, 1.5].map((rate) => [{ faults: [{ rate, faults: ["503"] }] }, "faults[0].rate"] as const)
      ]
      for (const [options, path] of rows) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(any(options)))))
        assert.strictEqual(error.path, path, JSON.stringify(options))
      }
      const emulator = yield* Emulator.make()
      for (const credits of wrongAmounts) {
        const error = yield* Effect.flip(emulator.putOrganisation("acme", any({ credits })))
        assert.deepInclude(error, { _tag: "EmulatorError", path: "organisations.acme.credits" })
      }
    }))

  it("are refused in a file", () => {
    const step = { kind: "template", id: "a", output: "a" }
    for (const costUsd of wrongAmounts) {
      const file = FlowFile.decode({ flows: [{ ref: "a/b/c", steps: [{ ...step, costUsd }] }] })
      assert.strictEqual(Either.isLeft(file) && file.left.path, "flows[0].steps[0].costUsd", `${costUsd}`)
    }
    for (const duration of wrongTimes) {
      const file = FlowFile.decode({ flows: [{ ref: "a/b/c", steps: [{ ...step, duration }] }] })
      assert.strictEqual(Either.isLeft(file) && file.left.path, "flows[0].steps[0].duration", `${duration}`)
    }
  })
})

describe("the duration of a step of a program", () => {
  it.effect.each(wrongTimes)("is refused: %s", (duration) =>
    Effect.gen(function*() {
      const steps = [{ kind: "function", id: "a", run: () => null, duration }]
      const flows = [{ ref: "a/b/c", steps, versions: { 1: { steps } } }]
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(any({ flows })))))
      assert.include(error.message, "flows[0].steps[0].duration")
    }))
})

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
      const wrong = yield* Effect.flip(Effect.scoped(Layer.build(layer({ faults: [nth] }))))
      assert.strictEqual(wrong.path, "faults[0].match.nth")
    }))
})
