/**
 * A batch whose jobs call back to its own process: `<base URL> <path of the ledger> <rows> <port of the webhooks> <"deaf" or
 * "hears">`. It says the number of each delivery once it was answered. One that is deaf tells no row of them. The key comes from
 * the environment.
 */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { Noukai } from "@effect-noukai/sdk"
import * as Webhook from "@effect-noukai/sdk/Webhook"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { receiver } from "../../../emulator/test/support/receiver.js"
import { numbered } from "./batches.js"
import { handling, hooked } from "./webhooks.js"

const [baseUrl, ledger, rows, port, mode] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const nudges = Webhook.nudges()
  const handle = handling(mode === "deaf" ? { onEvent: () => undefined } : nudges)
  let delivered = 0
  const to = yield* receiver(
    async (one, response) => {
      const status = await handle(one)
      response.writeHead(status).end(() => console.log(`delivered ${++delivered}`))
      return undefined as never
    },
    "127.0.0.1",
    Number(port)
  )
  const batch = hooked("hooked", { url: `${to.origin}/hooks`, nudges })
  const summary = yield* Batch.run(batch, numbered(Number(rows)), { grace: 1000 })
  yield* Console.log(`summary ${JSON.stringify(summary)}`)
})

NodeRuntime.runMain(
  Effect.scoped(program).pipe(
    Effect.provide(
      Layer.mergeAll(BatchStore.layerFile(ledger!), BatchEngine.layerLocal, Noukai.layer({ baseUrl: baseUrl! }))
    )
  )
)
