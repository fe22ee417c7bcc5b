/** `noukai batch retry`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { flag, json, oneOf } from "../../arguments/flags.js"
import { wrong } from "../../exit/CommandError.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { batchFlags, select, selection } from "./flags.js"
import * as Ledger from "./ledger.js"

const config = {
  ...batchFlags,
  only: oneOf("only", ["failed", "reported", "cancelled", "invalid"], "Retry the rows in this state."),
  acceptDoubleRuns: flag("accept-double-runs", "Retry reported rows, which may run and be billed twice."),
  select,
  json
}

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { acceptDoubleRuns, only } = input
  if (only !== "reported" && acceptDoubleRuns) return yield* wrong("--accept-double-runs requires --only reported")
  const rows = only !== "reported"
    ? { only }
    : acceptDoubleRuns
    ? { only, acceptDoubleRuns }
    : yield* wrong("reported rows may have run: to retry them, and maybe pay twice, add --accept-double-runs")
  const retried = yield* Batch.retry(input.id, { ...rows, select: selection(input.select) }).pipe(
    Effect.provide(Ledger.existing(input))
  )
  yield* terminal.write(input.json ? jsonLine({ batch: input.id, retried }) : `${retried}\n`)
  if (retried > 0) yield* terminal.note("they run in the next run of the batch")
})

export const command = leaf("retry", "Make failed rows pending again, for the next run.", config, handle)
