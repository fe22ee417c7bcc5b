/** `noukai batch status`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { json } from "../../arguments/flags.js"
import { moment } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { table } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { standing } from "./flags.js"
import * as Ledger from "./ledger.js"
import { cost, counts } from "./told.js"

const config = { ...standing, json }

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(
  function*(input: Input) {
    const terminal = yield* Terminal
    const status = yield* Batch.status(input.id)
    if (input.json) return yield* terminal.write(jsonLine(status))
    const { adopted, definition, stop } = status
    const spent = cost(status)
    yield* terminal.write(table([
      ["batch", status.batch],
      ["flow", status.flow],
      ["version", status.version],
      ...definition === undefined ? [] : [["definition", definition.hash] as const],
      ...definition?.changedAt === undefined
        ? []
        : [["changed", `${moment(new Date(definition.changedAt).toISOString())} UTC`] as const],
      ["status", status.status],
      ...stop === undefined ? [] : [["stopped", `${stop.reason}: ${stop.message}`] as const],
      ["rows", status.rows],
      ...counts(status),
      ...adopted === 0 ? [] : [["adopted", adopted] as const],
      ...spent === undefined ? [] : [["cost", spent] as const]
    ]))
  },
  (effect, input) => Effect.provide(effect, Ledger.existing(input))
)

export const command = leaf("status", "Show the progress of a batch.", config, handle)
