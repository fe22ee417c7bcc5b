/** What `noukai batch status` does. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { jsonLine } from "../../../terminal/json.js"
import { rows } from "../../../terminal/rows.js"
import { plain, Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import { failing } from "../failing.js"
import * as Ledger from "../ledger.js"
import { counts } from "../told.js"
import type { Input } from "./input.js"

export const handle: Handle<Input> = (input) =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    const status = yield* Batch.status(input.id)
    if (input.json) return yield* terminal.write(jsonLine(status))
    const { adopted, costUsd, stop } = status
    yield* terminal.write(rows([
      ["batch", plain(status.batch)],
      ["flow", plain(status.flow)],
      ["status", status.status],
      ...stop === undefined ? [] : [["stopped", plain(`${stop.reason}: ${stop.message}`)] as const],
      ["rows", status.rows],
      ...counts(status),
      ...adopted === 0 ? [] : [["adopted", adopted] as const],
      ...costUsd === undefined ? [] : [["cost", `$${costUsd}`] as const]
    ]))
  }).pipe(Effect.provide(Ledger.existing(input)), failing)
