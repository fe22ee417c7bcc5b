/** Handles `noukai batch cancel`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { jsonLine } from "../../../terminal/json.js"
import { Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import { failing } from "../failing.js"
import * as Ledger from "../ledger.js"
import type { Input } from "./input.js"

export const handle: Handle<Input> = Effect.fnUntraced(
  function*(input: Input) {
    const terminal = yield* Terminal
    const cancelled = yield* Batch.cancel(input.id)
    yield* terminal.write(input.json ? jsonLine({ batch: input.id, cancelled }) : `${cancelled}\n`)
    yield* terminal.note("rows in flight run to their end")
  },
  (effect, input) => Effect.provide(effect, Ledger.existing(input)),
  failing
)
