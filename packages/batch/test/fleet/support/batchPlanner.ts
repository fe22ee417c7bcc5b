/**
 * Plans a batch and sends nothing: `<url of the database> <"up" or "down"> <rows> <connections> <rows before it waits>`. Says
 * what it found. With a last number it waits for ever after so many rows.
 */
import { Batch, BatchEngine, BatchSource } from "@effect-noukai/batch"
import * as Postgres from "@effect-noukai/batch/postgres"
import { Noukai } from "@effect-noukai/sdk"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Array as Arr, Console, Effect, Layer, Redacted, Stream } from "effect"
import { echo } from "./echo.js"

const [url, order, count, connections, most] = process.argv.slice(2)

const rows = Arr.makeBy(Number(count), (no) => ({ id: String(no + 1) }))

const all = Stream.fromIterable(order === "up" ? rows : rows.reverse())

const source = most === undefined
  ? all
  : Stream.take(all, Number(most)).pipe(
    Stream.concat(Stream.drain(Stream.fromEffect(Effect.zipRight(Console.log("has begun"), Effect.never))))
  )

// a budget of nothing
Batch.run(echo, BatchSource.fromStream(source), { budgetUsd: 0, maxCostPerRow: 1 }).pipe(
  Effect.tap((summary) => Console.log(`summary ${JSON.stringify(summary)}`)),
  Effect.provide(Layer.mergeAll(
    Postgres.layer({ url: Redacted.make(url!), maxConnections: Number(connections) }),
    BatchEngine.layerLocal,
    Noukai.layer({ apiKey: Redacted.make("nk_test"), baseUrl: "http://127.0.0.1:9" })
  )),
  NodeRuntime.runMain
)
