/** `noukai batch status`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { json } from "../../arguments/flags.js"
import { moment } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { list } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { batchFlags } from "./flags.js"
import { inLedger } from "./ledger.js"
import { cost, counts } from "./told.js"

const config = { ...batchFlags, json }

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const status = yield* Batch.status(input.id)
  if (input.json) return yield* terminal.write(jsonLine(status))
  const { definition, stop } = status
  yield* terminal.write(list({
    batch: status.batch,
    flow: status.flow,
    version: status.version,
    definition: definition?.hash,
    changed: definition?.changedAt && `${moment(new Date(definition.changedAt).toISOString())} UTC`,
    status: status.status,
    stopped: stop && `${stop.reason}: ${stop.message}`,
    rows: status.rows,
    ...Object.fromEntries(counts(status)),
    cost: cost(status)
  }))
}, inLedger)

export const command = leaf("status", "Show the progress of a batch.", config, handle)
