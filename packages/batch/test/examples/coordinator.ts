import { Batch, BatchSource } from "@effect-noukai/batch"
import { layerCluster } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { NoukaiLive } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Config, Console, Effect, Exit, Layer } from "effect"
import { grading } from "./gradeEssays.js"

// plans the rows, leaves them to the runners, and waits for them; killed and started again, it waits on
Batch.run(grading, BatchSource.fromJsonl(process.argv[2]!), { concurrency: 32 }).pipe(
  Effect.tap(({ states, status }) => Console.log(`${status}: ${states.done} done, ${states.failed} failed`)),
  Effect.provide(
    Layer.provideMerge(
      Layer.merge(layerCluster(), NoukaiLive),
      Postgres.layerConfig({ url: Config.redacted("DATABASE_URL") })
    )
  ),
  NodeRuntime.runMain({
    teardown: (exit, end) => end(Exit.isSuccess(exit) ? 0 : Cause.isInterruptedOnly(exit.cause) ? 130 : 1)
  })
)
