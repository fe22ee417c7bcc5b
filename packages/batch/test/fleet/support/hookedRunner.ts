/**
 * A runner of the batch of the documents whose jobs call back to another process: `<url of the database> <base URL>`. The rest
 * comes from the environment.
 */
import * as Postgres from "@effect-noukai/batch/postgres"
import { Noukai } from "@effect-noukai/sdk"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Layer, Redacted } from "effect"
import { Runner } from "../../examples/webhooks.js"

const [database, baseUrl] = process.argv.slice(2)

Layer.effectDiscard(Console.log("joined the fleet")).pipe(
  Layer.provideMerge(Runner),
  Layer.provide([Postgres.layer({ url: Redacted.make(database!) }), Noukai.layer({ baseUrl: baseUrl! })]),
  Layer.launch,
  NodeRuntime.runMain
)
