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
  [{ sessions: { lags: 1 } }, "sessions.lags", "lag"],
  [{ organisations: { acme: { credit: "1" } } }, "organisations.acme.credit", "credits"],
  [{ organisations: { acme: { rateLimit: { request: 1 } } } }, "organisations.acme.rateLimit.request", "requests"],
  [{ keys: [{ key: "nk_a", org: "a", project: "b", revokd: true }] }, "keys[0].revokd", "revoked"]
]

const any = (value: unknown) => value as never

const rules: ReadonlyArray<readonly [rule: object, field: string, meant: string]> = [
  [{ script: ["503"], repat: true }, "faults[0].repat", "repeat"],
  [{ match: { endpont: "execute" }, script: ["503"] }, "faults[0].match.endpont", "endpoint"],
  [{ rate: 1, faults: ["503"], sed: 1 }, "faults[0].sed", "seed"]
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

  for (const [rule, field, meant] of rules) {
    it(`of a rule of faults is refused: ${field}`, async () => {
      const emulator = await startEmulator()
      try {
        assert.throws(() => emulator.addFaults(any(rule)), EmulatorError, `did you mean ${meant}?`)
        assert.throws(
          () => emulator.putOrganisation("acme", any({ biling: true })),
          EmulatorError,
          "did you mean billing?"
        )
      } finally {
        await emulator.close()
      }
      const error = await Effect.runPromise(Effect.flip(Effect.scoped(Emulators.make({ faults: [any(rule)] }))))
      assert.deepStrictEqual([error.path, error.message], [
        field,
        `invalid ${field}: is not an option: did you mean ${meant}?`
      ])
    })
  }

  it("has a wrong value, and is refused with the right ones", async () => {
    const wrong: ReadonlyArray<readonly [options: object, field: string, rule: string]> = [
      [{ capture: "ful" }, "capture", "\"full\""],
      [{ toolMessageCasing: "kebab" }, "toolMessageCasing", "\"camel\""],
      [{ streamOutputs: "host" }, "streamOutputs", "\"hosted\""],
      [{ runPaths: "sequence" }, "runPaths", "\"seq\""],
      [{ refusedRunPaths: 400 }, "refusedRunPaths", "403"],
      [{ legacyFields: "no" }, "legacyFields", "boolean"],
      [{ control: 1 }, "control", "boolean"],
      [{ faults: [{ match: { flow: "acme/spelling" }, script: ["503"] }] }, "faults[0].match.flow", "org/project/flow"],
      [{ faults: [{ rate: 2, faults: ["503"] }] }, "faults[0].rate", "between 0 and 1"],
      [{ faults: [{ script: ["50x"] }] }, "faults[0].script[0]", "\"50x\" is not a fault"],
      [{ faults: [{ match: { endpoint: "exec" }, script: ["503"] }] }, "faults[0].match.endpoint", "execute"]
    ]
    for (const [options, field, rule] of wrong) {
      const error = await Effect.runPromise(Effect.flip(Effect.scoped(Emulators.make(any(options)))))
      assert.deepStrictEqual([error.path, error.message.includes(rule)], [field, true], error.message)
    }
  })

  it("of a flow that is none is refused, and names what was probably meant", async () => {
    const emulator = await startEmulator()
    try {
      const step = { kind: "template", id: "a", output: 1 }
      const wrong: ReadonlyArray<readonly [flow: unknown, message: string]> = [
        [[{ ref: "acme/a/b", steps: [] }], "flows[0]: Expected"],
        [null, "flows[0]: Expected"],
        [{ ref: "acme/a/b" }, "flows[0].steps: Expected ReadonlyArray<Step>"],
        [{ ref: "acme/a/b", steps: "a" }, "flows[0].steps: Expected"],
        [{ ref: "acme/a/b", steps: [null] }, "flows[0].steps[0]: Expected"],
        [{ ref: "acme/a/b", steps: [], versions: { 1: {} } }, "flows[0].versions.1.steps: Expected"],
        [{ ref: "acme/a/b", step: [], steps: [step] }, "flows[0].step: is not an option: did you mean steps?"],
        [{ ref: "acme/a/b", steps: [{ ...step, costUSD: "1" }] }, "costUSD: is not an option: did you mean costUsd?"]
      ]
      for (const [flow, message] of wrong) assert.throws(() => emulator.putFlows(any(flow)), EmulatorError, message)
    } finally {
      await emulator.close()
    }
  })
})
