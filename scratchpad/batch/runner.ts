import { layerRunner } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { NoukaiLive } from "@effect-noukai/sdk"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"

const Ledger = Postgres.layerConfig({ url: Config.redacted("DATABASE_URL") })

// the address under which the other machines reach this one
const Runner = Layer.unwrapEffect(Effect.map(Config.string("RUNNER_HOST"), (host) => layerRunner({ host })))

NodeRuntime.runMain(Layer.launch(Layer.provide(Runner, [Ledger, NoukaiLive])))
