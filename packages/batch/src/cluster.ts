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
 * The engine of a process that starts a batch and leaves its rows to the runners: a client of the cluster, which opens
 * no port. The batch waits, with a warning in the log, until a runner joins. If this process is killed, the runners
 * continue.
 *
 * Needs a ledger in PostgreSQL. Fails with `InvalidBatchError` for a wrong option or ledger, and with `BatchStoreError`
 * if the tables of the cluster cannot be created.
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
 * A runner works on every batch of its ledger while the layer lives, and takes over from runners that stop answering.
 * Each runner has as many rows in flight as the batch allows. It is also an engine, for a process that starts batches
 * itself.
 *
 * When the layer ends, as on SIGTERM under `NodeRuntime.runMain`, the other runners take over its rows in flight at
 * once. A runner that was stopped for longer than the lease, or was cut off from the database, gives up its lanes
 * before it continues.
 *
 * Needs a ledger in PostgreSQL. Fails with `InvalidBatchError` for a wrong option or ledger, and with `BatchStoreError`
 * if the tables of the cluster cannot be created or the port is taken.
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
> =>
  Lanes.runner(options).pipe(
    Layer.provide(
      BatchDriver.layer((batch) => options.batches?.find(({ id }) => id === batch) as Definition | undefined)
    )
  )
