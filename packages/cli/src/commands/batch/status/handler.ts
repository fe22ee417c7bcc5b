/** Handles `noukai batch status`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { moment } from "../../../terminal/amounts.js"
import { jsonLine } from "../../../terminal/json.js"
import { table } from "../../../terminal/table.js"
import { Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import { failing } from "../failing.js"
import * as Ledger from "../ledger.js"
import { cost, counts } from "../told.js"
import type { Input } from "./input.js"

export const handle: Handle<Input> = Effect.fnUntraced(
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
  (effect, input) => Effect.provide(effect, Ledger.existing(input)),
  failing
)
