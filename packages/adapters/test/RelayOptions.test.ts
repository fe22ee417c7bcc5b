/** The options of a relay are looked at when it is made (docs/wire.md#relays). */
import { Relay } from "@effect-noukai/adapters"
import * as Express from "@effect-noukai/adapters/express"
import * as Web from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"

const made = (limits: Partial<Relay.Limits>) =>
  Relay.make({ flow: "acme/support/agent", authorize: () => Effect.succeed(true), ...limits })

describe("relays: the limits of a relay", () => {
  const counts = ["maxBodyBytes", "maxMessages", "maxDepth"] as const
  const clocks = ["bodyTimeout", "authorizeTimeout"] as const

  it("that are no limit are refused when it is made: the body would have none", () => {
    for (const field of counts) {
      for (const value of [NaN, -1, 1.5, -Infinity, "100" as never, null as never]) {
        const error = Either.getOrThrow(Either.flip(made({ [field]: value })))
        assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field, method: "Relay.make" })
        assert.include(error.message, field)
      }
    }
    for (const field of clocks) {
      for (const value of [NaN, -1, "ten seconds" as never, null as never]) {
        const error = Either.getOrThrow(Either.flip(made({ [field]: value })))
        assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field, method: "Relay.make" })
      }
    }
  })

  it("that are one are taken", () => {
    for (const field of counts) {
      for (const value of [0, 1, 1_000_000, Infinity, undefined]) {
        assert.isTrue(Either.isRight(made({ [field]: value })))
      }
    }
    for (const field of clocks) {
      for (const value of [0, 1.5, Infinity, "5 seconds", undefined] as const) {
        assert.isTrue(Either.isRight(made({ [field]: value })))
      }
    }
  })

  it("are looked at by every adapter", async () => {
    const client = new Noukai({ apiKey: "nk_test_unused", env: "dev", port: 9 })
    const options = { client, flow: "a/b/c", authorize: () => true, maxBodyBytes: NaN }
    assert.throws(() => Web.relay(options), /maxBodyBytes/)
    assert.throws(() => Express.relay(options), /maxBodyBytes/)
    await client.close()
  })
})
