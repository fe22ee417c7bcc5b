/** How long a process pauses after failures. */
import { assert, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as BatchDrive from "../../src/internal/drive/running.js"

const made = BatchDrive.make({} as never, { generation: 1, canary: "unknown", paused_until: 0 } as never, "owner")

it.scoped("failures of one moment are one failure, and later ones double the pause", () =>
  Effect.gen(function*() {
    const running = yield* made
    const fail = BatchDrive.unreachable(running, "reset", undefined)
    yield* Effect.replicateEffect(fail, 32)
    assert.strictEqual(running.pausedUntil, 100)
    yield* TestClock.adjust(100)
    yield* Effect.replicateEffect(fail, 32)
    assert.strictEqual(running.pausedUntil, 300)
    BatchDrive.succeeded(running, 300)
    yield* TestClock.adjust(200)
    yield* fail
    assert.strictEqual(running.pausedUntil, 400)
  }))
