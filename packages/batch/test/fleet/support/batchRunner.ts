/** A runner: `<url of the database> <port> <base URL>`. The key comes from the environment. */
import { layerRunner } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { Noukai } from "@effect-noukai/sdk"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Layer, Redacted } from "effect"

const [url, port, baseUrl] = process.argv.slice(2)

const Runner = layerRunner({ host: "127.0.0.1", port: Number(port) }).pipe(
  Layer.provide([Postgres.layer({ url: Redacted.make(url!) }), Noukai.layer({ baseUrl: baseUrl! })])
)

Layer.launch(Layer.provideMerge(Layer.effectDiscard(Console.log("joined the fleet")), Runner)).pipe(NodeRuntime.runMain)
