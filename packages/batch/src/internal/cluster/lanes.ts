/** Lanes as workflows, which the runners of a cluster share. */
import { isNegativeTime, type Names } from "@effect-noukai/sdk/kit/names"
import * as ClusterSchema from "@effect/cluster/ClusterSchema"
import * as ClusterWorkflowEngine from "@effect/cluster/ClusterWorkflowEngine"
import * as EntityId from "@effect/cluster/EntityId"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as Runners from "@effect/cluster/Runners"
import * as RunnerStorage from "@effect/cluster/RunnerStorage"
import * as Sharding from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SocketRunner from "@effect/cluster/SocketRunner"
import * as SqlMessageStorage from "@effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Activity from "@effect/workflow/Activity"
import * as Workflow from "@effect/workflow/Workflow"
import * as WorkflowEngine from "@effect/workflow/WorkflowEngine"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { BatchEngine, type BatchWork } from "../../BatchEngine.js"
import { BatchStoreError, InvalidBatchError } from "../../BatchError.js"
import { BatchStore } from "../../BatchStore.js"
import { TypeId } from "../definition.js"
import { BatchDriver } from "../drive/batchDriver.js"
import { fitting, named } from "../names.js"

/** The options that all processes of a cluster share: each has to give the same. */
export interface ClusterOptions {
  /**
   * The number of lanes of a batch, which the runners share evenly. A runner beyond this number has nothing to do.
   * Default 16.
   */
  readonly lanes?: number | undefined
  /**
   * The time after which a runner that does not answer has lost its lanes. Shorter, and a runner that is slow for a
   * moment loses them, too. Default 10 seconds.
   */
  readonly lease?: Duration.DurationInput | undefined
}

/** The options of a runner. */
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
  /**
   * The batches of `operation: "execute"` whose tools run here. Rows of other such batches wait. Batches of jobs need
   * no definition, because the ledger has their inputs; those with a `callback` have their webhooks here only if they are
   * named. Default: none.
   */
  readonly batches?: ReadonlyArray<{ readonly [TypeId]: object; readonly id: string }> | undefined
}

const clusterNames: Names<ClusterOptions> = { lanes: true, lease: true }

const runnerNames: Names<RunnerOptions> = { ...clusterNames, host: true, port: true, listenHost: true, batches: true }

/** Tables of our own: a cluster of the user's in the same database has its own shards and options. */
const storage = { prefix: "noukai_batch_cluster" }

interface LaneSettings {
  readonly lanes: number
  readonly lease: Duration.Duration
  /** A group of shards for each number of lanes: processes that disagree about it do not take each other's. */
  readonly group: string
}

const [shortestLease, longestLease] = [Duration.seconds(3), Duration.days(1)]

const settingsOf = (method: string, options: ClusterOptions): Effect.Effect<LaneSettings, InvalidBatchError> => {
  const { lanes = 16, lease: given = "10 seconds" } = options
  const lease = isNegativeTime(given) ? Option.none() : Duration.decodeUnknown(given)
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > 1024) {
    return new InvalidBatchError({ method, field: "lanes", reason: "is a whole number from 1 to 1024" })
  }
  return Option.isNone(lease) || !Duration.between(lease.value, { minimum: shortestLease, maximum: longestLease })
    ? new InvalidBatchError({ method, field: "lease", reason: "is a duration from 3 seconds to 1 day" })
    : Effect.succeed({ lanes, lease: lease.value, group: `lanes-${lanes}` })
}

const addressOf = (method: string, host: string, port: number) =>
  host === ""
    ? new InvalidBatchError({ method, field: "host", reason: "is not empty" })
    : !Number.isInteger(port) || port < 1 || port > 65_535
    ? new InvalidBatchError({ method, field: "port", reason: "is a whole number from 1 to 65535" })
    : Effect.succeed(RunnerAddress.make(host, port))

/** Why a lane ended before its rows did. Stored as its result, and never replayed: each generation has its own lanes. */
class LaneError extends Schema.TaggedError<LaneError>("@effect-noukai/batch/cluster/LaneError")("LaneError", {
  detail: Schema.String
}) {}

const makeLane = ({ group }: LaneSettings) =>
  Workflow.make({
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
  }).annotate(ClusterSchema.ShardGroup, () => group)

/** Quick at first, and then every few seconds: a database that restarts is back in one or two. */
const patient = Schedule.exponential("200 millis").pipe(Schedule.union(Schedule.spaced("3 seconds")))

/** How often a lane is begun again that ended with no word of its own. */
const mostRestarts = 5

const describe = (cause: Cause.Cause<unknown>): string => {
  const failure = Cause.squash(cause)
  return failure instanceof Error ? failure.message : String(failure)
}

const storeError = (operation: string) => (cause: Cause.Cause<unknown>): BatchStoreError =>
  new BatchStoreError({ operation, detail: describe(cause), cause: Cause.squash(cause) })

/**
 * Runs a lane to its end. The result of an activity is final, so errors of the ledger are retried here. A defect is
 * retried a few times, since a cut connection may have caused it.
 */
const drive = (driver: BatchDriver.Service, batch: string, generation: number, lane: number) => {
  const attempt = driver.lane(batch, generation, lane).pipe(
    Effect.tapError((error) => Effect.logWarning(`A lane waits: ${error.message}`)),
    Effect.retry(patient),
    Effect.sandbox,
    Effect.tapError((cause) => Effect.logError("A lane failed", cause)),
    Effect.retry({ times: 5, schedule: patient }),
    Effect.mapError((cause) => new LaneError({ detail: describe(cause) }))
  )
  return Effect.annotateLogs(attempt, { batch, generation, lane })
}

/** The lanes that are given to this process. */
const lanesHere = (settings: LaneSettings) =>
  Layer.unwrapEffect(
    Effect.map(BatchDriver, (driver) =>
      makeLane(settings).toLayer(({ batch, generation, lane }) =>
        Activity.make({
          name: "drive",
          error: LaneError,
          execute: drive(driver, batch, generation, lane),
          // a lane that is interrupted goes on elsewhere
          interruptRetryPolicy: Schedule.stop
        })
      ))
  )

const sharding = ({ group, lanes, lease }: LaneSettings, runner: Partial<ShardingConfig.ShardingConfig["Type"]>) =>
  ShardingConfig.layer({
    // a shard for each lane: runners have as many shards as each other, and so as many lanes
    shardsPerGroup: lanes,
    availableShardGroups: [group],
    assignedShardGroups: [group],
    shardLockExpiration: lease,
    // the lock of a connection stays with a process that is stopped and keeps its connections open
    shardLockDisableAdvisory: true,
    refreshAssignmentsInterval: Duration.seconds(1),
    entityMessagePollInterval: Duration.seconds(2),
    // a lane does not end soon by itself: a runner that loses it is interrupted, and the driver has its own grace
    entityTerminationTimeout: Duration.millis(100),
    ...runner
  })

const sqlStorage = Layer.merge(SqlMessageStorage.layerWith(storage), SqlRunnerStorage.layerWith(storage))

/**
 * Builds a layer that needs the database. If runners start together on an empty one, all but one fail to create its
 * tables; the next attempt finds them.
 */
const joining = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, BatchStoreError, R> => {
  const attempt = Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    return yield* Layer.buildWithScope(layer, scope).pipe(
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
  })
  return Layer.scopedContext(attempt.pipe(
    Effect.sandbox,
    Effect.retry({ times: 5, schedule: Schedule.jittered(Schedule.spaced("200 millis")) }),
    Effect.mapError(storeError("joined the cluster"))
  ))
}

const makeEngine = Effect.fnUntraced(function*(settings: LaneSettings) {
  const cluster = yield* Sharding.Sharding
  const engine = yield* WorkflowEngine.WorkflowEngine
  const runners = yield* RunnerStorage.RunnerStorage
  const lane = makeLane(settings)

  /** The first payload from a place on whose workflow is on the shard of a lane. */
  const placed = Effect.fnUntraced(function*({ batch, generation }: BatchWork, no: number, place = 0) {
    let payload = { batch, generation, lane: no, place }
    while (true) {
      const executionId = yield* lane.executionId(payload)
      // a workflow's id is the id of its entity
      const shard = cluster.getShardId(EntityId.make(executionId), settings.group)
      if (shard.id === no + 1) return { executionId, payload }
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
      const result = yield* patiently(lane.poll(executionId), "waited for a lane")
      if (result?._tag === "Complete") return result.exit
      yield* Effect.sleep("250 millis")
    }
  })

  const tellOfNoRunner = Effect.gen(function*() {
    const all = yield* runners.getRunners
    if (!all.some(([{ groups }]) => groups.includes(settings.group))) {
      yield* Effect.logWarning(`The batch waits: there is no runner with ${settings.lanes} lanes`)
    }
  }).pipe(Effect.ignore, Effect.repeat(Schedule.spaced("10 seconds")), Effect.delay("5 seconds"))

  return BatchEngine.of({
    lanes: settings.lanes,
    run: Effect.fnUntraced(
      function*(work) {
        const begun = Effect.fnUntraced(function*(no: number, place: number) {
          const found = yield* placed(work, no, place)
          yield* patiently(lane.execute(found.payload, { discard: true }), "started a lane")
          return found
        })
        const all = yield* Effect.forEach(Arr.makeBy(settings.lanes, (no) => no), (no) => begun(no, 0))
        yield* Effect.forkScoped(tellOfNoRunner)
        for (const first of all) {
          let { executionId, payload } = first
          for (let restarts = 0;; restarts++) {
            const exit = yield* awaitEnd(executionId)
            if (exit._tag === "Success") break
            // a failure of the engine while it stored the end of a lane becomes that end; the rows are unchanged
            if (Cause.isFailure(exit.cause) || restarts === mostRestarts) {
              return yield* storeError("ran a lane")(exit.cause)
            }
            yield* Effect.logWarning(`Lane ${payload.lane} begins again: ${describe(exit.cause)}`)
            ;({ executionId, payload } = yield* begun(payload.lane, payload.place + 1))
          }
        }
      },
      Effect.scoped,
      Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
    )
  })
})

/** The database of a ledger that processes share. */
const shared = (method: string) =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.flatMap(BatchStore, ({ sql }) =>
      sql.onDialectOrElse({
        pg: () => Effect.succeed(sql),
        orElse: () =>
          new InvalidBatchError({
            method,
            field: "BatchStore",
            reason: "keeps its ledger in PostgreSQL, not in a file"
          })
      }))
  )

/** The engine of a client of the cluster. */
export const client = (
  options: ClusterOptions
): Layer.Layer<BatchEngine, BatchStoreError | InvalidBatchError, BatchStore> =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.flatMap(named("layerCluster", options, clusterNames), () => settingsOf("layerCluster", options)),
      (settings) =>
        Layer.effect(BatchEngine, makeEngine(settings)).pipe(
          Layer.provide(ClusterWorkflowEngine.layer),
          Layer.provide(SocketRunner.layerClientOnly),
          Layer.provide(NodeClusterSocket.layerClientProtocol),
          Layer.provide(sqlStorage),
          Layer.provide(sharding(settings, { runnerAddress: Option.none() })),
          Layer.provide(RpcSerialization.layerMsgPack),
          joining,
          Layer.provide(shared("layerCluster"))
        )
    )
  )

/** The engine of a runner, which works on lanes with the driver. */
export const runner = (
  options: RunnerOptions
): Layer.Layer<BatchEngine, BatchStoreError | InvalidBatchError, BatchDriver | BatchStore> =>
  Layer.unwrapEffect(Effect.gen(function*() {
    yield* named("layerRunner", options, runnerNames)
    const { batches = [], host, listenHost = host, port = 24_431 } = options
    const areBatches = () => Array.isArray(batches) && batches.every((batch) => Predicate.hasProperty(batch, TypeId))
    yield* fitting("layerRunner", "batches", areBatches, "must be a list of batches, each made by Batch.make")
    const settings = yield* settingsOf("layerRunner", options)
    const runnerAddress = Option.some(yield* addressOf("layerRunner", host, port))
    const runnerListenAddress = Option.some(yield* addressOf("layerRunner", listenHost, port))
    const health = RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))
    return Layer.effect(BatchEngine, makeEngine(settings)).pipe(
      Layer.provideMerge(lanesHere(settings)),
      Layer.provide(ClusterWorkflowEngine.layer),
      Layer.provide(SocketRunner.layer),
      Layer.provide(health),
      Layer.provide(sqlStorage),
      Layer.provide(NodeClusterSocket.layerClientProtocol),
      Layer.provide(NodeClusterSocket.layerSocketServer),
      Layer.provide(sharding(settings, { runnerAddress, runnerListenAddress })),
      Layer.provide(RpcSerialization.layerMsgPack),
      joining,
      Layer.provide(shared("layerRunner"))
    )
  }))
