/**
 * A runner whose lanes only say that they live, until their batch is said to be done:
 * `<url of the database> <port> <name>`.
 */
import { BatchStoreError } from "@effect-noukai/batch/BatchError"
import * as Postgres from "@effect-noukai/batch/postgres"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { SqlClient } from "@effect/sql"
import { Console, Effect, Layer, Redacted, Schedule } from "effect"
import * as Lanes from "../../../src/internal/cluster/lanes.js"
import { BatchDriver } from "../../../src/internal/drive/batchDriver.js"

const [url, port, name] = process.argv.slice(2)

const Driver = Layer.effect(
  BatchDriver,
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    return BatchDriver.of({
      lane: (batch, generation, lane) =>
        Console.log(`begins ${batch} ${generation} ${lane}`).pipe(
          Effect.zipRight(
            sql`INSERT INTO beat (batch, generation, lane, runner) VALUES (${batch}, ${generation}, ${lane}, ${name!})
              ON CONFLICT (batch, generation, lane, runner) DO UPDATE SET at = clock_timestamp()`.pipe(
              Effect.zipRight(sql`SELECT 1 FROM done WHERE batch = ${batch}`),
              Effect.repeat({ until: (rows) => rows.length > 0, schedule: Schedule.spaced("100 millis") })
            )
          ),
          Effect.mapError((cause) => new BatchStoreError({ operation: "beat", detail: cause.message, cause })),
          Effect.zipRight(Console.log(`ends ${batch} ${generation} ${lane}`)),
          Effect.onInterrupt(() => Console.log(`gives up ${batch} ${generation} ${lane}`))
        )
    })
  })
)

const Runner = Lanes.runner({ host: "127.0.0.1", port: Number(port) }).pipe(
  Layer.provide(Driver),
  Layer.provide(Postgres.layer({ url: Redacted.make(url!) }))
)

Layer.launch(Layer.provideMerge(Layer.effectDiscard(Console.log("joined the fleet")), Runner)).pipe(NodeRuntime.runMain)
