import { layerRunner } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { NoukaiLive } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"

// what the other processes reach this one by: a host and a port that are no other runner's
const address = Config.all({ host: Config.string("HOST"), port: Config.integer("PORT") })

Layer.unwrapEffect(Effect.map(address, layerRunner)).pipe(
  Layer.provide([Postgres.layerConfig({ url: Config.redacted("DATABASE_URL") }), NoukaiLive]),
  Layer.launch,
  NodeRuntime.runMain
)
