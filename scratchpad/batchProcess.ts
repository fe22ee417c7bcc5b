/** The process that is killed: `<base URL> <ledger>`. The key comes from the environment. */
import { Noukai } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { run } from "./batchRun.js"

const [baseUrl, ledger] = process.argv.slice(2)

Effect.runPromise(Effect.provide(run(ledger!), Noukai.layer({ baseUrl: baseUrl! })))
