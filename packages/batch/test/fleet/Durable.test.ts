/** The recipe for `@effect/workflow`: killed between a request and its result, it pays for one run. */
import { startEmulator } from "@effect-noukai/emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { startPostgres } from "./support/postgres.js"
import * as Programs from "./support/programs.js"

it.scopedLive(
  "a workflow that is killed after its request goes on with the run of the request",
  () =>
    Effect.gen(function*() {
      const { url } = yield* startPostgres
      const emulator = yield* Effect.acquireRelease(
        Effect.promise(() =>
          startEmulator({
            flows: [{
              ref: "acme/spelling/grade-3",
              steps: [{ kind: "template", id: "grade", output: { score: 8 }, duration: "3 seconds", costUsd: "0.01" }]
            }]
          })
        ),
        (running) => Effect.promise(() => running.close())
      )
      const path = yield* Programs.bundledAt(
        emulator.port,
        new URL("../../../../scratchpad/durable/effectWorkflow.ts", import.meta.url)
      )
      const start = Programs.start(path, [], {
        DATABASE_URL: url,
        NOUKAI_ENV: "dev",
        NOUKAI_API_KEY: emulator.apiKey,
        // the shards of a killed process are free again after that time
        SHARD_LOCK_EXPIRATION: "3 seconds",
        SHARD_LOCK_REFRESH_INTERVAL: "1 second",
        ENTITY_MESSAGE_POLL_INTERVAL: "1 second"
      })
      const first = yield* start
      yield* Effect.repeat(Effect.sync(() => emulator.ledger().runsStarted), {
        schedule: Schedule.spaced("20 millis"),
        until: (runs) => runs === 1
      })
      yield* first.signal("SIGKILL")
      assert.strictEqual((yield* first.ended).signal, "SIGKILL")
      assert.notInclude(first.output(), "score")

      const second = yield* start
      yield* second.awaitOutput("score: 8")
      assert.strictEqual((yield* second.ended).code, 0)

      // the workflow has ended: nothing runs again
      const third = yield* start
      yield* third.awaitOutput("score: 8")
      const { billedUsd, runsStarted } = emulator.ledger()
      assert.deepStrictEqual([runsStarted, billedUsd], [1, "0.01"])
    }),
  180_000
)
