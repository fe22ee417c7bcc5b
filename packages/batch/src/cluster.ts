/**
 * A batch on many machines: its lanes are workflows of `@effect/workflow`, which the runners of a cluster of
 * `@effect/cluster` share. The ledger guards the rows; the cluster only decides who works.
 *
 * Needs the optional peers `@effect/cluster`, `@effect/workflow`, `@effect/rpc`, `@effect/platform-node` and
 * `@effect/sql-pg`.
 *
 * @since 0.1.0
 */
import * as ClusterWorkflowEngine from "@effect/cluster/ClusterWorkflowEngine"
import type { EntityId } from "@effect/cluster/EntityId"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as Runners from "@effect/cluster/Runners"
import * as Sharding from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SocketRunner from "@effect/cluster/SocketRunner"
import * as SqlMessageStorage from "@effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import type { SocketServerError } from "@effect/platform/SocketServer"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Activity from "@effect/workflow/Activity"
import * as Workflow from "@effect/workflow/Workflow"
import * as WorkflowEngine from "@effect/workflow/WorkflowEngine"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { BatchEngine } from "./BatchEngine.js"
import { BatchStoreError } from "./BatchError.js"
import { BatchDriver } from "./internal/drive/BatchDriver.js"

/**
 * The options that all processes of a cluster share: each has to give the same.
 *
 * @since 0.1.0
 * @category options
 */
export interface ClusterOptions {
  /**
   * The number of shards, among which the lanes of a batch are spread evenly. A runner beyond this number gets none.
   * Default 16.
   */
  readonly shards?: number | undefined
  /**
   * The time after which a runner that does not answer has lost its lanes. Shorter, and a runner that is slow for a
   * moment loses them, too. Default 10 seconds.
   */
  readonly lease?: Duration.DurationInput | undefined
}

/**
 * The options of a runner.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunnerOptions extends ClusterOptions {
  /**
   * The name or address under which the other processes of the cluster reach this one: no two runners may have the same
   * host and port. `127.0.0.1` where all run on one machine.
   */
  readonly host: string
  /** The port of this runner. Below 32768, where no system gives it to an outgoing connection. Default 24431. */
  readonly port?: number | undefined
  /** The address to listen on, where it is not `host`: `0.0.0.0` in a container. Default: `host`. */
  readonly listenHost?: string | undefined
}

const group = "default"

/** Tables of our own: a cluster of the user's in the same database has its own shards and options. */
const storage = { prefix: "batch_cluster" }

const defaults = { shards: 16, lease: Duration.seconds(10), port: 24431 }

/** Why a lane ended before its rows did. Stored as its result, and never replayed: each generation has its own lanes. */
class LaneError extends Schema.TaggedError<LaneError>("@effect-noukai/batch/cluster/LaneError")("LaneError", {
  detail: Schema.String
}) {}

const Lane = Workflow.make({
  name: "batch/lane",
  payload: {
    batch: Schema.String,
    generation: Schema.Number,
    lane: Schema.Number,
    /** Chosen so that the lane is on its shard. */
    place: Schema.Number
  },
  error: LaneError,
  idempotencyKey: ({ batch, generation, lane, place }) => `${batch}:${generation}:${lane}:${place}`
})

/** Quick at first, and then every few seconds: a database that restarts is back in one or two. */
const patient = Schedule.exponential("200 millis").pipe(Schedule.union(Schedule.spaced("3 seconds")))

const describe = (cause: Cause.Cause<unknown>): string => {
  const failure = Cause.squash(cause)
  return failure instanceof Error ? failure.message : String(failure)
}

const storeError = (operation: string) => (cause: Cause.Cause<unknown>): BatchStoreError =>
  new BatchStoreError({ operation, detail: describe(cause), cause: Cause.squash(cause) })

/**
 * Runs a lane to its end. Errors of the ledger are waited out here: what leaves an activity is its result for ever. So
 * is a defect, which is repeated a few times in case it came from a connection that was cut.
 */
const drive = (driver: BatchDriver.Service, { batch, generation, lane }: typeof Lane.payloadSchema.Type) => {
  const annotations = { batch, generation, lane }
  const attempt = driver.lane(batch, generation, lane).pipe(
    Effect.tapError((error) => Effect.logWarning(`A lane waits: ${error.message}`)),
    Effect.retry(patient),
    Effect.sandbox,
    Effect.tapError((cause) => Effect.logError("A lane failed", cause)),
    Effect.retry({ times: 5, schedule: patient }),
    Effect.mapError((cause) => new LaneError({ detail: Cause.pretty(cause) }))
  )
  return Effect.annotateLogs(attempt, annotations)
}

/** The lanes that are given to this process. */
const lanes = Layer.unwrapEffect(Effect.map(BatchDriver, (driver) =>
  Lane.toLayer((payload) =>
    Activity.make({
      name: "drive",
      error: LaneError,
      execute: drive(driver, payload),
      // a lane that is interrupted goes on elsewhere
      interruptRetryPolicy: Schedule.stop
    })
  )))

const config = (options: ClusterOptions, runner: Partial<ShardingConfig.ShardingConfig["Type"]>) =>
  ShardingConfig.layer({
    shardsPerGroup: options.shards ?? defaults.shards,
    shardLockExpiration: options.lease ?? defaults.lease,
    // the lock of a connection stays with a process that is stopped and keeps its connections open
    shardLockDisableAdvisory: true,
    refreshAssignmentsInterval: Duration.seconds(1),
    entityMessagePollInterval: Duration.seconds(2),
    // a lane does not end soon of itself: whoever has to give it up is interrupted, and the driver has its own grace
    entityTerminationTimeout: Duration.millis(100),
    ...runner
  })

const sqlStorage = Layer.merge(SqlMessageStorage.layerWith(storage), SqlRunnerStorage.layerWith(storage))

/**
 * Builds what needs the database. Runners that start together on an empty one race for its tables, and all but one
 * fail: at the next attempt the tables are there.
 */
const withTables = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, BatchStoreError, R> =>
  Layer.scopedContext(Effect.scopeWith((scope) =>
    Layer.buildWithScope(layer, scope).pipe(
      Effect.sandbox,
      Effect.retry({ times: 5, schedule: Schedule.jittered(Schedule.spaced("200 millis")) }),
      Effect.mapError(storeError("joined the cluster"))
    )
  ))

const makeEngine = (options: ClusterOptions) =>
  Effect.gen(function*() {
    const sharding = yield* Sharding.Sharding
    const engine = yield* WorkflowEngine.WorkflowEngine
    const shards = options.shards ?? defaults.shards

    /** The payload whose workflow is on the shard of the lane: each runner has as many shards, and so lanes, as another. */
    const placed = Effect.fnUntraced(function*(work: BatchEngine.Work, lane: number) {
      const shard = lane % shards + 1
      let payload = { batch: work.batch, generation: work.generation, lane, place: 0 }
      while (true) {
        const executionId = yield* Lane.executionId(payload)
        // a workflow's id is the id of its entity
        if (sharding.getShardId(executionId as EntityId, group).id === shard) return { executionId, payload }
        payload = { ...payload, place: payload.place + 1 }
      }
    })

    /** Storage errors are defects of the engine. All that is asked here may be asked again. */
    const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>, operation: string) =>
      effect.pipe(
        Effect.sandbox,
        Effect.tapError((cause) => Effect.logWarning(`The batch waits for PostgreSQL: ${describe(cause)}`)),
        Effect.retry(patient.pipe(Schedule.upTo("1 minute"))),
        Effect.mapError(storeError(operation))
      )

    const awaitEnd = Effect.fnUntraced(function*(executionId: string) {
      while (true) {
        const result = yield* patiently(Lane.poll(executionId), "waited for a lane")
        if (result?._tag === "Complete") return result.exit
        yield* Effect.sleep("250 millis")
      }
    })

    return BatchEngine.of({
      run: Effect.fnUntraced(function*(work) {
        const all = yield* Effect.forEach(Arr.makeBy(work.lanes, (lane) => lane), (lane) => placed(work, lane))
        yield* Effect.forEach(
          all,
          ({ payload }) => patiently(Lane.execute(payload, { discard: true }), "started a lane"),
          { discard: true }
        )
        for (const { executionId } of all) {
          const exit = yield* awaitEnd(executionId)
          if (exit._tag === "Failure") {
            return yield* storeError("ran a lane")(exit.cause)
          }
        }
      }, Effect.provideService(WorkflowEngine.WorkflowEngine, engine))
    })
  })

/**
 * The engine for a process that runs a batch and leaves its rows to the runners: a client of the cluster, which opens no
 * port. Runners may come later; until there is one, the batch waits. When this process ends, the lanes go on.
 *
 * Needs the database of the ledger, as `postgres.layer` gives it. Fails with `BatchStoreError` when the tables of the
 * cluster cannot be made.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerCluster = (
  options: ClusterOptions = {}
): Layer.Layer<BatchEngine, BatchStoreError, SqlClient> =>
  Layer.effect(BatchEngine, makeEngine(options)).pipe(
    Layer.provide(ClusterWorkflowEngine.layer),
    Layer.provide(SocketRunner.layerClientOnly),
    Layer.provide(NodeClusterSocket.layerClientProtocol),
    Layer.provide(sqlStorage),
    Layer.provide(config(options, { runnerAddress: Option.none() })),
    Layer.provide(RpcSerialization.layerMsgPack),
    withTables
  )

/**
 * A runner: a process that works on the lanes of every batch that it has a driver for, for as long as the layer lives,
 * and takes over those of runners that fell silent. It is an engine, too, for a process that runs a batch and works on it.
 *
 * When the layer ends, as it does on SIGTERM under `NodeRuntime.runMain`, the driver finishes or gives up what is in
 * flight, and the other runners go on at once. A runner that was stopped for longer than the lease, or cut off from the
 * database, drops its lanes before it goes on.
 *
 * Needs the database of the ledger, as `postgres.layer` gives it. Fails with `BatchStoreError` when the tables of the
 * cluster cannot be made, and with `SocketServerError` when the port is taken.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRunner = (
  options: RunnerOptions
): Layer.Layer<BatchEngine, BatchStoreError | SocketServerError, BatchDriver | SqlClient> => {
  const port = options.port ?? defaults.port
  const runnerAddress = Option.some(RunnerAddress.make(options.host, port))
  const runnerListenAddress = Option.map(
    Option.fromNullable(options.listenHost),
    (host) => RunnerAddress.make(host, port)
  )
  const runner = config(options, { runnerAddress, runnerListenAddress })
  const health = RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))
  return Layer.effect(BatchEngine, makeEngine(options)).pipe(
    Layer.provideMerge(lanes),
    Layer.provide(ClusterWorkflowEngine.layer),
    Layer.provide(SocketRunner.layer),
    Layer.provide(health),
    Layer.provide(sqlStorage),
    Layer.provide(NodeClusterSocket.layerClientProtocol),
    Layer.provide(NodeClusterSocket.layerSocketServer),
    Layer.provide(runner),
    Layer.provide(RpcSerialization.layerMsgPack),
    withTables
  )
}
