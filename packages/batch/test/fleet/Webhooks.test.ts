/** Webhooks of a batch that arrive at a process which runs no rows, and reach the runners through the database. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { layerCluster } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { Emulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { Noukai } from "@effect-noukai/sdk"
import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, ConfigProvider, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { receiver } from "../../../emulator/test/support/receiver.js"
import { grading, onEvent } from "../examples/webhooks.js"
import { collect } from "../support/batches.js"
import { handling, long, secret } from "../support/webhooks.js"
import { freePort } from "./support/freePort.js"
import { startPostgres } from "./support/postgres.js"
import * as Programs from "./support/programs.js"

const connected = (url: string) => Layer.build(Postgres.client({ url: Redacted.make(url) }))

/** The connections that listen. */
const listeners = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql<{ pid: number }>`SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`
)

const awaitListeners = (count: number) =>
  Effect.repeat(listeners, { until: (all) => all.length === count, schedule: Schedule.spaced("50 millis") })

const soon = Schedule.spaced("50 millis")

describe("webhooks through the database", () => {
  it.scopedLive(
    "wake the runners of a fleet, of which one is killed, and each row has one run",
    () =>
      Effect.gen(function*() {
        const postgres = yield* startPostgres
        const database = yield* connected(postgres.url)
        const to = yield* receiver(handling({ onEvent: yield* Effect.provide(onEvent, database) }))
        const url = `${to.origin}/hooks`
        const path = yield* Programs.bundled(new URL("./support/hookedRunner.ts", import.meta.url))
        const rows = 120
        yield* Effect.gen(function*() {
          const { apiKey, baseUrl, ledger } = yield* Emulator
          const key = Redacted.value(apiKey)
          const runner = Effect.gen(function*() {
            const port = yield* freePort
            const environment = { NOUKAI_API_KEY: key, WEBHOOK_URL: url, PORT: `${port}` }
            const program = yield* Programs.start(path, [postgres.url, baseUrl], environment)
            yield* program.awaitOutput("joined the fleet")
            return program
          })
          const [first] = yield* Effect.all([runner, runner], { concurrency: 2 })
          yield* Effect.provide(awaitListeners(3), database)
          const source = BatchSource.fromIterable(Arr.makeBy(rows, (n) => ({ id: `${n + 1}`, text: `row ${n + 1}` })))
          const options = { concurrency: 8, grace: 1000 }
          const running = yield* Effect.fork(
            Effect.flatMap(grading, (batch) => Batch.run(batch, source, options)).pipe(
              Effect.scoped,
              Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["WEBHOOK_URL", url]])))
            )
          )
          yield* to.until(rows / 3)
          const before = yield* ledger
          const polls = (requests: typeof before.requests) =>
            requests.filter(({ endpoint }) => endpoint === "pollJob").length
          // one for each that has ended, and those in flight
          assert.isAtMost(polls(before.requests), before.runs.length)
          yield* first.signal("SIGKILL")
          const summary = yield* Fiber.join(running)
          assert.deepStrictEqual([summary.status, summary.states.done], ["completed", rows])
          const after = yield* ledger
          assert.strictEqual(after.runsStarted, rows)
          assert.strictEqual(new Set(after.runs.map(({ sessionId }) => sessionId)).size, rows)
          // those of the runner that was killed are polled by the other one, in place of their webhooks
          assert.isAtMost(polls(after.requests), rows * 1.3)
          const results = yield* collect(Batch.results("grades-2026-11"))
          assert.isTrue(results.every(({ key, result }) => (result as { said: string }).said === `row ${key}`))
        }).pipe(Effect.provide(
          Layer.merge(layerCluster(), Noukai.layerServices).pipe(
            Layer.provideMerge(Layer.merge(
              Postgres.layer({ url: Redacted.make(postgres.url) }),
              Emulators.layer({
                flows: [{ ...long, ref: "acme/spelling/grade-3" }],
                jobs: { workers: 64 },
                webhooks: { secret, allow: [to.origin] }
              })
            ))
          )
        ))
      }),
    240_000
  )

  it.scopedLive(
    "are heard by each process, early ones too, and again after its connection was lost",
    () =>
      Effect.gen(function*() {
        const postgres = yield* startPostgres
        const [one, other] = [yield* connected(postgres.url), yield* connected(postgres.url)]
        const web = yield* Effect.provide(Postgres.nudges, one)
        const runner = yield* Effect.provide(Postgres.nudges, other)
        yield* Effect.provide(awaitListeners(2), one)
        const tell = (job: string) => Effect.tryPromise(async () => web.onEvent({ job }))
        const heard = (job: string) => Effect.promise((signal) => runner.wait(job, signal))

        const waiting = yield* Effect.fork(heard("a"))
        yield* tell("a")
        yield* Fiber.join(waiting)
        // early: each process keeps it
        yield* tell("b")
        yield* Effect.promise((signal) => web.wait("b", signal))
        yield* heard("b")

        const repeated = (job: string) =>
          Effect.raceFirst(heard(job), Effect.zipRight(Effect.repeat(Effect.ignore(tell(job)), soon), Effect.never))
        yield* Effect.flatMap(listeners, (all) =>
          Effect.flatMap(SqlClient.SqlClient, (sql) =>
            Effect.forEach(all, ({ pid }) =>
              sql`SELECT pg_terminate_backend(${pid})`))).pipe(Effect.provide(one))
        yield* repeated("c")
        yield* postgres.restart
        yield* repeated("d")

        yield* postgres.crash
        const lost = yield* Effect.flip(tell("e"))
        assert.include(String(lost), "UnknownException")
        yield* postgres.start
        yield* repeated("e")
      }),
    240_000
  )
})
