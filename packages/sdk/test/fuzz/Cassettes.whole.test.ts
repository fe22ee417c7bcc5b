/** Sessions and cassette files that somebody edited, cut off or made up (docs/wire.md#sessions, docs/wire.md#replays). */
import { Cassette, FlowService, isNoukaiError, NoukaiReplay } from "@effect-noukai/sdk"
import { CassetteError } from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FC from "effect/FastCheck"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import { answering } from "../support/answering.js"
import { arbitraries } from "../support/arbitraries.js"
import { folder } from "../support/folder.js"
import { brokenBytes, brokenJson, fuzz, fuzzEffect, fuzzTimeout } from "../support/fuzz.js"

const cassette: FC.Arbitrary<unknown> = FC.oneof(arbitraries.session, arbitraries.recording)

/** The JSON value of the text, or else the text; most of the broken ones are still JSON. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const typed = (exit: Exit.Exit<unknown, unknown>): void => {
  if (Exit.isSuccess(exit)) return
  assert.isTrue(Cause.isFailType(exit.cause), Cause.pretty(exit.cause))
  const error = Cause.squash(exit.cause)
  assert.isTrue(isNoukaiError(error), String(error))
  assert.isString((error as Error).message)
}

const program = Effect.gen(function*() {
  const flows = yield* FlowService
  for (const slug of ["grade-3", "answer"]) {
    typed(yield* Effect.exit(flows.execute(`acme/spelling/${slug}`, { message: "hi" })))
    typed(yield* Effect.exit(Stream.runDrain(flows.events(`acme/spelling/${slug}`, { message: "hi" }))))
  }
})

const replayed = (value: Cassette.Cassette): Effect.Effect<void> =>
  program.pipe(
    Effect.provide(NoukaiReplay.fromCassette(value)),
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    Effect.exit,
    Effect.map(typed)
  )

describe("sessions: cassettes and sessions", () => {
  it("any JSON is a cassette that can be written again, or a CassetteError", () => {
    fuzz(brokenJson(cassette), 80, (text) => {
      const decoded = Cassette.decode(parsed(text))
      if (Either.isLeft(decoded)) {
        assert.instanceOf(decoded.left, CassetteError)
        return
      }
      const written = Cassette.encode(decoded.right)
      // a number such as 1e400 cannot be written
      if (text.includes("1e400")) return
      assert.strictEqual(Cassette.encode(Either.getOrThrow(Cassette.decode(JSON.parse(written)))), written)
    })
  }, fuzzTimeout)

  it.live(
    "what is a cassette can be replayed: every call has a value or a typed error",
    () =>
      fuzzEffect(brokenJson(cassette), 30, (text) =>
        Either.match(Cassette.decode(parsed(text)), {
          onLeft: () => Effect.void,
          onRight: replayed
        })),
    fuzzTimeout
  )

  it.scopedLive("any file is a cassette or a CassetteError", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/cassette.json`
      yield* fuzzEffect(brokenBytes(brokenJson(cassette)), 20, (bytes) =>
        Effect.gen(function*() {
          yield* Effect.promise(() => Fs.writeFile(path, bytes))
          const loaded = yield* Effect.exit(Cassette.load(path))
          typed(loaded)
          if (Exit.isSuccess(loaded)) typed(yield* Effect.exit(Cassette.save(loaded.value, path)))
        }))
    }), fuzzTimeout)

  it.scopedLive(
    "any body of a session is a cassette that can be saved and redacted, or a typed error",
    () =>
      Effect.gen(function*() {
        const path = `${yield* folder}/cassette.json`
        yield* fuzzEffect(brokenBytes(brokenJson(arbitraries.session.map(({ session }) => session))), 30, (body) =>
          Effect.gen(function*() {
            const fetched = yield* Effect.exit(
              Effect.provide(
                Cassette.fromSession("5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"),
                answering({ status: 200, body })
              )
            )
            typed(fetched)
            if (Exit.isFailure(fetched)) {
              return
            }
            typed(yield* Effect.exit(Cassette.save(fetched.value, path)))
            assert.isTrue(Either.isRight(Cassette.redact(fetched.value, { paths: ["**.email"] })))
            yield* replayed(fetched.value)
          }))
      }),
    fuzzTimeout
  )
})
