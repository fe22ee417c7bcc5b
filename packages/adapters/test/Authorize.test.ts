/** Who may pass (docs/wire.md#relays, ), where `authorize` is an Effect. */
import { Relay } from "@effect-noukai/adapters"
import * as promise from "@effect-noukai/promise"
import * as sdk from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Logger, LogLevel, Option } from "effect"
import { answering } from "../../sdk/test/support/answering.js"

type Authorize = Relay.Options<null, unknown, never>["authorize"]

const completed = answering({ status: 200, body: "{\"status\":\"completed\",\"result\":1}" })

/** The answer to a request, and the warnings there were. */
const asked = (authorize: Authorize) =>
  Effect.gen(function*() {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === LogLevel.Warning) warnings.push(String(message))
    })
    const relay = Either.getOrThrow(Relay.make({ flow: "acme/support/agent", authorize }))
    const call = { request: null, method: "POST", header: () => undefined, pull: Effect.fail(Option.none()) }
    const { body, status } = yield* relay(call).pipe(
      Effect.provide(completed),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
    return { status, body, warnings }
  })

/** Of code that the compiler has not seen. */
const unseen = (value: unknown) => value as Relay.Verdict

const ways: { readonly [name: string]: (value: unknown) => Effect.Effect<Relay.Verdict> } = {
  "at once": (value) => Effect.succeed(unseen(value)),
  later: (value) => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => unseen(value))),
  "from a promise": (value) => Effect.map(Effect.promise(async () => [value]), ([value]) => unseen(value))
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const trap = () => {
  throw new Error("the secret reason")
}

describe("relays: authorize", () => {
  for (const [name, way] of Object.entries(ways)) {
    it.effect(`${name}, true and an object let a caller pass`, () =>
      Effect.gen(function*() {
        for (const value of [true, {}, { id: 1 }, Object.create(null), new Date(0)]) {
          const { status, warnings } = yield* asked(() => way(value))
          assert.deepStrictEqual([status, warnings], [200, []])
        }
      }))

    it.effect(`${name}, false refuses and says nothing`, () =>
      Effect.gen(function*() {
        const { body, status, warnings } = yield* asked(() => way(false))
        assert.deepStrictEqual([status, body, warnings], [403, "{\"detail\":\"FORBIDDEN\"}", []])
      }))

    it.effect(`${name}, all else refuses, and says what to give`, () =>
      Effect.gen(function*() {
        const given: ReadonlyArray<readonly [unknown, string]> = [
          [undefined, "undefined"],
          [null, "null"],
          [0, "a number"],
          [1, "a number"],
          ["", "a string"],
          ["my-secret", "a string"],
          [() => true, "a function"],
          [[{ id: 1 }], "an array"],
          [new Error("my-secret"), "an error"],
          [Promise.resolve(true), "a promise"],
          [Option.some({ id: 1 }), "an Effect"],
          [Either.left("my-secret"), "an Effect"],
          [Effect.succeed(true), "an Effect"],
          [new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap }), "something that cannot be looked at"],
          [revoked(), "something that cannot be looked at"]
        ]
        for (const [value, kind] of given) {
          const { body, status, warnings } = yield* asked(() => way(value))
          assert.deepStrictEqual([kind, status, body], [kind, 403, "{\"detail\":\"FORBIDDEN\"}"])
          assert.lengthOf(warnings, 1)
          assert.include(warnings[0], `authorize returned ${kind},`)
          assert.include(
            warnings[0],
            "return true or an object, such as the user, to let the caller pass, and false to refuse"
          )
          assert.notInclude(warnings[0], "my-secret")
        }
      }))
  }

  it.effect("something that fails, dies or is thrown with properties that throw refuses", () =>
    Effect.gen(function*() {
      const with401 = (name: string) => Object.defineProperty({ status: 401, detail: "LOG_IN" }, name, { get: trap })
      const thrown: ReadonlyArray<unknown> = [
        ...["status", "statusCode", "detail"].map(with401),
        new Proxy(new Error("x"), { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap }),
        new Proxy({}, { get: trap }),
        revoked()
      ]
      for (const error of thrown) {
        const forms: ReadonlyArray<Authorize> = [
          () => Effect.fail(error),
          () => Effect.die(error),
          () => Effect.tryPromise({ try: () => Promise.reject(error), catch: (error) => error }),
          () => {
            throw error
          }
        ]
        for (const form of forms) {
          const { body, status } = yield* asked(form)
          assert.deepStrictEqual([status, body], [403, "{\"detail\":\"FORBIDDEN\"}"])
        }
      }
    }))

  it.effect("an Effect that interrupts itself refuses", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* asked(() => Effect.interrupt)).status, 403)
    }))

  it.effect("an error of Noukai is a bare refusal: its status is not one for the caller", () =>
    Effect.gen(function*() {
      const errors = [
        new sdk.AuthenticationError({ method: "FlowService.execute", statusCode: 401, isRetryable: false }),
        new promise.AuthenticationError("no", { statusCode: 401 }),
        new promise.RateLimitError("no", { statusCode: 429, retryAfter: 3 })
      ]
      for (const error of errors) {
        const { body, status } = yield* asked(() => Effect.fail(error))
        assert.deepStrictEqual([status, body], [403, "{\"detail\":\"FORBIDDEN\"}"])
      }
    }))
})
