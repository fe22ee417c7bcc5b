/** A process that is stopped while it connects: it hears of the connection before its timers fire. */
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { type Receiver, transportOver } from "../../../src/internal/http/exchange.js"
import type { Progress } from "../../../src/internal/options/callOptions.js"

/** A request over a wire that connects after so long, on a clock whose timers have not fired yet. */
const connectedAfter = (millis: number) =>
  Effect.scoped(Effect.gen(function*() {
    let now = 0
    let receiver: Receiver | undefined
    let isWritten = false
    let isAborted = false
    const clock: Clock.Clock = { ...Clock.make(), unsafeCurrentTimeMillis: () => now, sleep: () => Effect.never }
    const transport = yield* transportOver(() => ({
      start: (given) => {
        receiver = given
      },
      abort: () => {
        isAborted = true
      },
      pause: () => {},
      resume: () => {}
    }))
    const progress: Progress = { sent: "no" }
    const sending = transport.send({
      method: "POST",
      origin: "http://localhost",
      path: "/",
      headers: {},
      body: "{}",
      connectTimeout: 2000,
      attemptTimeout: 30_000,
      maxBytes: 1000,
      progress
    })
    const fiber = yield* Effect.fork(Effect.withClock(Effect.flip(sending), clock))
    yield* Effect.yieldNow()
    now = millis
    receiver!.onSocket()
    if (!isAborted) {
      isWritten = true
      receiver!.onError(new Error("the answer is lost"))
    }
    return { isWritten, sent: progress.sent, error: yield* Fiber.join(fiber) }
  }))

it.effect("a request whose connection comes after its time is not written", () =>
  Effect.gen(function*() {
    const { error, isWritten, sent } = yield* connectedAfter(13_000)
    assert.deepStrictEqual([isWritten, sent], [false, "no"])
    assert.deepInclude(error, { _tag: "ClockExpired", clock: "connect", after: 2000, sent: "no" })
  }))

it.effect("one whose connection comes in time is written", () =>
  Effect.gen(function*() {
    const { error, isWritten, sent } = yield* connectedAfter(2000)
    assert.deepStrictEqual([isWritten, sent, error._tag], [true, "unknown", "ConnectionFailure"])
  }))
