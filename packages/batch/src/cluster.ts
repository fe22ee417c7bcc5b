/**
 * A batch on many machines: its lanes are workflows of `@effect/workflow`, which the runners of a cluster of
 * `@effect/cluster` share. The ledger guards the rows; the cluster only decides who works.
 *
 * Needs the optional peers `@effect/cluster`, `@effect/workflow`, `@effect/rpc`, `@effect/platform-node` and
 * `@effect/sql-pg`.
 *
 * @since 0.1.0
 */
import type { FlowService, JobService, RunService, SessionService } from "@effect-noukai/sdk"
import * as Layer from "effect/Layer"
import type { BatchEngine } from "./BatchEngine.js"
import type { BatchStoreError, InvalidBatchError } from "./BatchError.js"
import type { BatchStore } from "./BatchStore.js"
import * as Lanes from "./internal/cluster/lanes.js"
import type { ClusterOptions, RunnerOptions } from "./internal/cluster/lanes.js"
import type { Definition } from "./internal/definition.js"
import * as BatchDriver from "./internal/drive/batchDriver.js"

export type { ClusterOptions, RunnerOptions } from "./internal/cluster/lanes.js"

/**
 * The engine of a process that runs a batch and leaves its rows to the runners: a client of the cluster, which opens no
 * port. Runners may come later; until there is one, the batch waits, and says so in the log. When this process is killed,
 * the runners go on.
 *
 * Needs a ledger in PostgreSQL. Fails with `InvalidBatchError` for an option or a ledger that cannot be used, and with
 * `BatchStoreError` when the tables of the cluster cannot be made.
 *
 * @example
 * ```ts
 * import { Batch, BatchSource } from "@effect-noukai/batch"
 * import { layerCluster } from "@effect-noukai/batch/cluster"
 * import * as Postgres from "@effect-noukai/batch/postgres"
 * import { NoukaiLive } from "@effect-noukai/sdk"
 * import { Config, Effect, Layer } from "effect"
 *
 * const grading = Batch.make({
 *   id: "grades-2026-11",
 *   flow: "acme/spelling/grade-3",
 *   key: (row: { readonly id: string; readonly text: string }) => row.id,
 *   input: (row) => ({ message: row.text })
 * })
 *
 * const Ledger = Postgres.layerConfig({ url: Config.redacted("DATABASE_URL") })
 *
 * const program = Batch.run(grading, BatchSource.fromIterable([{ id: "1", text: "The cat sat." }])).pipe(
 *   Effect.provide(Layer.mergeAll(layerCluster(), NoukaiLive).pipe(Layer.provideMerge(Ledger)))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerCluster = (
  options: ClusterOptions = {}
): Layer.Layer<BatchEngine, BatchStoreError | InvalidBatchError, BatchStore> => Lanes.client(options)

/**
 * A runner: a process that works on every batch of its ledger for as long as the layer lives, and takes over from
 * runners that fell silent. Each works on as many rows at once as the batch says. It is an engine, too, for a process
 * that runs a batch and works on it.
 *
 * When the layer ends, as it does on SIGTERM under `NodeRuntime.runMain`, the other runners go on at once with what was in
 * flight here. A runner that was stopped for longer than the lease, or cut off from the database, drops its lanes before
 * it goes on.
 *
 * Needs a ledger in PostgreSQL. Fails with `InvalidBatchError` for an option or a ledger that cannot be used, and with
 * `BatchStoreError` when the tables of the cluster cannot be made or the port is taken.
 *
 * @example
 * ```ts
 * import { layerRunner } from "@effect-noukai/batch/cluster"
 * import * as Postgres from "@effect-noukai/batch/postgres"
 * import { NoukaiLive } from "@effect-noukai/sdk"
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Config, Layer } from "effect"
 *
 * const Ledger = Postgres.layerConfig({ url: Config.redacted("DATABASE_URL") })
 *
 * NodeRuntime.runMain(Layer.launch(layerRunner({ host: "10.0.0.7" }).pipe(
 *   Layer.provide([Ledger, NoukaiLive])
 * )))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRunner = (
  options: RunnerOptions
): Layer.Layer<
  BatchEngine,
  BatchStoreError | InvalidBatchError,
  BatchStore | FlowService | JobService | RunService | SessionService
> => {
  const definitions = new Map(options.batches?.map((batch) => [batch.id, batch as Definition]))
  return Lanes.runner(options).pipe(
    Layer.provide(BatchDriver.layer((batch) => definitions.get(batch)))
  )
}
