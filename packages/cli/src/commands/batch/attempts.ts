/** `noukai batch attempts`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { argument } from "../../arguments/flags.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { batchFlags } from "./flags.js"
import { inLedger } from "./ledger.js"

const config = {
  ...batchFlags,
  key: argument("key", "The key of the row.")
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const attempts = yield* Batch.attempts(input.id, input.key)
  yield* terminal.write(attempts.map(jsonLine).join(""))
}, inLedger)

export const command = leaf("attempts", "Print the attempts of a row as JSON lines, oldest first.", config, handle)
