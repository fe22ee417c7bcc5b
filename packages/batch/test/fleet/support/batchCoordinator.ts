/**
 * Runs the batch on the runners, and says what became of it: `<url of the database> <base URL> <rows> <options, as
 * JSON>`. The key comes from the environment.
 */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { layerCluster } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { Noukai } from "@effect-noukai/sdk"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Array as Arr, Console, Effect, Layer, Redacted } from "effect"
import { echo } from "./echo.js"

const [url, baseUrl, rows, options] = process.argv.slice(2)

const source = BatchSource.fromIterable(Arr.makeBy(Number(rows), (no) => ({ id: String(no + 1) })))

const Services = Layer.merge(layerCluster(), Noukai.layer({ baseUrl: baseUrl! })).pipe(
  Layer.provideMerge(Postgres.layer({ url: Redacted.make(url!) }))
)

Batch.run(echo, source, JSON.parse(options!)).pipe(
  Effect.tap((summary) => Console.log(`summary ${JSON.stringify(summary)}`)),
  Effect.provide(Services),
  NodeRuntime.runMain
)
