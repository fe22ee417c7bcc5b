/** The runs under a session id. */
import { Emulator } from "@effect-noukai/emulator"
import { FlowService, JobService, SessionService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { echo, setup } from "./support/once.js"

describe("SessionService", () => {
  it.scoped("gives what ran under an id", () =>
    Effect.gen(function*() {
      const sessions = yield* SessionService
      const jobs = yield* JobService
      const service = yield* FlowService
      const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      const done = yield* service.execute(echo, { message: "hi", sessionId, snapshots: true })
      const job = yield* jobs.submit("acme/test/secretive", { sessionId })
      yield* job.wait({ schedule: Schedule.spaced(0) })
      const session = yield* sessions.get(sessionId.toUpperCase())
      assert.deepStrictEqual(
        session.executions.map(({ executionId, slug, snapshotsAvailable, status, traceCaptureMode, triggerType }) => [
          executionId,
          slug,
          triggerType,
          status,
          traceCaptureMode,
          snapshotsAvailable
        ]),
        [
          [done.executionId, "echo", "execute", "completed", "full", true],
          [job.executionId, "secretive", "job", "completed", "metadata_only", false]
        ]
      )
      assert.isString(session.executions[0]!.startedAt)
      assert.isString(session.executions[0]!.completedAt)
      assert.isDefined(session.raw)
    }).pipe(Effect.provide(setup())))

  it.scoped("fails with what is wrong with a session", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const sessions = yield* SessionService
      const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      assert.strictEqual((yield* Effect.flip(sessions.get("nothing")))._tag, "ReplayInvalidSessionError")
      assert.strictEqual((yield* Effect.flip(sessions.get(7 as never)))._tag, "ReplayInvalidSessionError")
      assert.strictEqual(
        (yield* Effect.flip(sessions.get(id, { timeout: "never" as never })))._tag,
        "InvalidRequestError"
      )
      assert.deepStrictEqual((yield* emulator.ledger).requests, [])
      assert.strictEqual((yield* Effect.flip(sessions.get(id)))._tag, "ReplaySessionNotFoundError")
      yield* emulator.expireSession(id)
      assert.strictEqual((yield* Effect.flip(sessions.get(id)))._tag, "ReplaySessionExpiredError")
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["403"] })
      assert.strictEqual((yield* Effect.flip(sessions.get(id)))._tag, "ReplayForbiddenError")
    }).pipe(Effect.provide(setup())))
})
