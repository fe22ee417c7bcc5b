/**
 * A runner of a batch whose jobs call back to another process: `<url of the database> <port> <base URL> <address of the
 * webhooks>`. The key comes from the environment.
 */
import { layerRunner } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { Noukai } from "@effect-noukai/sdk"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Redacted } from "effect"
import { hooked, long } from "../../support/webhooks.js"

const [database, port, baseUrl, url] = process.argv.slice(2)

const Runner = Layer.unwrapScoped(Effect.map(Postgres.nudges, (nudges) =>
  layerRunner({
    host: "127.0.0.1",
    port: Number(port),
    batches: [hooked("hooked", { url: url!, nudges }, long.ref)]
  }))).pipe(
    Layer.provide([Postgres.layer({ url: Redacted.make(database!) }), Noukai.layer({ baseUrl: baseUrl! })])
  )

Layer.launch(Layer.provideMerge(Layer.effectDiscard(Console.log("joined the fleet")), Runner)).pipe(NodeRuntime.runMain)
