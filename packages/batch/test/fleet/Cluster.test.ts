/** The lanes of a batch on runners in processes of their own, which are killed, stopped and cut off. */
import { BatchEngine } from "@effect-noukai/batch/BatchEngine"
import { layerCluster } from "@effect-noukai/batch/cluster"
import * as Ledger from "@effect-noukai/batch/postgres"
import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { freePort } from "./support/freePort.js"
import { type Postgres, startPostgres } from "./support/postgres.js"
import * as Programs from "./support/programs.js"

const lanes = 16

/** The runners by lane, of the lanes that lived within the last half second. */
const alive = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ lane: number; runner: string }>`SELECT lane, runner FROM beat
    WHERE at > clock_timestamp() - interval '500 milliseconds' ORDER BY lane, runner`
  return rows.map(({ lane, runner }) => `${lane}:${runner}`)
})

const runners = (owners: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(owners.map((owner) => owner.split(":")[1]!))].sort()

/** Waits until each lane is alive on exactly one runner, and these are the runners. */
const awaitRunners = (...names: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    while (true) {
      const owners = yield* alive
      const isOne = owners.length === lanes && new Set(owners.map((owner) => owner.split(":")[0])).size === lanes
      if (isOne && runners(owners).join() === names.join()) return owners
      yield* Effect.sleep("100 millis")
    }
  })

const done = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO done (batch) VALUES ('b')`)

const fleet = Effect.gen(function*() {
  const postgres = yield* startPostgres
  const program = yield* Programs.bundled(new URL("./support/laneRunner.ts", import.meta.url))
  return {
    postgres,
    runner: (name: string) =>
      Effect.gen(function*() {
        const port = yield* freePort
        const runner = yield* Programs.start(program, [postgres.url, String(port), name])
        yield* runner.awaitOutput("joined the fleet")
        return runner
      })
  }
})

const coordinator = (postgres: Postgres) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE beat (batch TEXT, generation INT, lane INT, runner TEXT,
      at TIMESTAMPTZ DEFAULT clock_timestamp(), PRIMARY KEY (batch, generation, lane, runner))`
    yield* sql`CREATE TABLE done (batch TEXT)`
  })).pipe(
    Layer.merge(layerCluster()),
    Layer.provideMerge(Ledger.layer({ url: Redacted.make(postgres.url) }))
  )

const run = Effect.flatMap(BatchEngine, (engine) => engine.run({ batch: "b", generation: 1, lane: () => Effect.void }))

describe("lanes on two runners", () => {
  it.scopedLive("are shared evenly, and end with the batch", () =>
    Effect.gen(function*() {
      const { postgres, runner } = yield* fleet
      yield* Effect.gen(function*() {
        const [a, b] = yield* Effect.all([runner("a"), runner("b")], { concurrency: 2 })
        const running = yield* Effect.fork(run)
        const owners = yield* awaitRunners("a", "b")
        yield* done
        yield* Fiber.join(running)
        assert.lengthOf(owners.filter((owner) => owner.endsWith("a")), lanes / 2)
        yield* a.signal("SIGTERM")
        yield* b.signal("SIGTERM")
        assert.deepStrictEqual([(yield* a.ended).code, (yield* b.ended).code], [0, 0])
      }).pipe(Effect.provide(coordinator(postgres)))
    }))

  /** Gives one of two runners a signal while a batch runs, and tells how long the other one takes to have its lanes. */
  const afterSignal = <E, R>(signal: NodeJS.Signals, then: (a: Programs.Program) => Effect.Effect<void, E, R>) =>
    Effect.gen(function*() {
      const { postgres, runner } = yield* fleet
      yield* Effect.gen(function*() {
        const [a] = yield* Effect.all([runner("a"), runner("b")], { concurrency: 2 })
        const running = yield* Effect.fork(run)
        yield* awaitRunners("a", "b")
        yield* a.signal(signal)
        const [time] = yield* Effect.timed(awaitRunners("b"))
        yield* Effect.log(`taken over after ${Duration.format(time)}`)
        yield* then(a)
        yield* done
        yield* Fiber.join(running)
      }).pipe(Effect.provide(coordinator(postgres)))
    })

  it.scopedLive("go to the other when one is killed", () => afterSignal("SIGKILL", () => Effect.void))

  it.scopedLive(
    "go to the other when one is stopped, which drops them when it goes on",
    () =>
      afterSignal("SIGSTOP", (a) =>
        Effect.gen(function*() {
          yield* a.signal("SIGCONT")
          yield* a.awaitOutput("gives up")
          const [back] = yield* Effect.timed(awaitRunners("a", "b"))
          yield* Effect.log(`shared again after ${Duration.format(back)}`)
        }))
  )

  it.scopedLive(
    "go to the other at once when one is asked to end",
    () =>
      afterSignal("SIGTERM", (a) =>
        Effect.gen(function*() {
          const { code } = yield* a.ended
          assert.strictEqual(code, 0)
          assert.include(a.output(), "gives up")
        }))
  )

  it.scopedLive("go on after PostgreSQL was restarted", () =>
    Effect.gen(function*() {
      const { postgres, runner } = yield* fleet
      yield* Effect.gen(function*() {
        yield* Effect.all([runner("a"), runner("b")], { concurrency: 2 })
        const running = yield* Effect.fork(run)
        yield* awaitRunners("a", "b")
        yield* postgres.crash
        yield* Effect.sleep("4 seconds")
        yield* postgres.start
        const [time] = yield* Effect.timed(Effect.retry(awaitRunners("a", "b"), Schedule.spaced("100 millis")))
        yield* Effect.log(`alive again after ${Duration.format(time)}`)
        yield* done
        yield* Fiber.join(running)
      }).pipe(Effect.provide(coordinator(postgres)))
    }))

  it.scopedLive("begin again where the engine failed as they ended", () =>
    Effect.gen(function*() {
      const { postgres, runner } = yield* fleet
      yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const a = yield* runner("a")
        const running = yield* Effect.fork(run)
        yield* awaitRunners("a")
        // what the engine keeps when its own statement failed at the end
        yield* sql`CREATE SEQUENCE kept`
        yield* sql`CREATE FUNCTION spoil() RETURNS trigger AS 'BEGIN
          IF (SELECT tag FROM noukai_batch_cluster_messages WHERE id = NEW.request_id) = ''run'' AND nextval(''kept'') <= 4
          THEN NEW.payload := replace(NEW.payload, ''"exit":{"_tag":"Success"}'',
            ''"exit":{"_tag":"Failure","cause":{"_tag":"Die","defect":"Connection terminated"}}''); END IF;
          RETURN NEW; END' LANGUAGE plpgsql`
        yield* sql`CREATE TRIGGER spoil BEFORE INSERT ON noukai_batch_cluster_replies
          FOR EACH ROW EXECUTE FUNCTION spoil()`
        yield* done
        yield* Fiber.join(running)
        assert.isAbove(a.output().match(/^begins /gm)!.length, lanes)
      }).pipe(Effect.provide(coordinator(postgres)))
    }))
})
