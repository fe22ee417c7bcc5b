/** `noukai batch cancel`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { json } from "../../arguments/flags.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { batchFlags } from "./flags.js"
import { inLedger } from "./ledger.js"

const config = { ...batchFlags, json }

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const cancelled = yield* Batch.cancel(input.id)
  yield* terminal.write(input.json ? jsonLine({ batch: input.id, cancelled }) : `${cancelled}\n`)
  yield* terminal.note("rows in flight run to their end")
}, inLedger)

export const command = leaf("cancel", "Stop a batch for good and cancel its pending rows.", config, handle)
