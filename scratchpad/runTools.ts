import { Effect } from "effect"
import { NoukaiLocal } from "./local.js"
import { withTools } from "./tools.js"

Effect.runPromise(Effect.provide(withTools, NoukaiLocal)).then(console.log)
