import { Batch, BatchSource } from "@effect-noukai/batch"
import { layerCluster } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { NoukaiLive } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { grading } from "./grading.js"

const Ledger = Postgres.layerConfig({ url: Config.redacted("DATABASE_URL") })

const program = Effect.gen(function*() {
  const { states, status } = yield* Batch.run(grading, BatchSource.fromJsonl("rows.jsonl"), { concurrency: 32 })
  yield* Console.log(`${status}: ${states.done} done, ${states.failed} failed`)
})

NodeRuntime.runMain(Effect.provide(program, Layer.merge(layerCluster(), NoukaiLive).pipe(Layer.provideMerge(Ledger))))
