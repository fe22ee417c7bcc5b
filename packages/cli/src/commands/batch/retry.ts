/** `noukai batch retry`. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { RetryOptions } from "@effect-noukai/batch/BatchStatus"
import * as Effect from "effect/Effect"
import { flag, json, oneOf } from "../../arguments/flags.js"
import { UsageError } from "../../exit/CommandError.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { select, selection, standing } from "./flags.js"
import * as Ledger from "./ledger.js"

const config = {
  ...standing,
  only: oneOf("only", ["failed", "reported", "cancelled", "invalid"], "Retry the rows in this state."),
  acceptDoubleRuns: flag("accept-double-runs", "Retry reported rows, which may run and be billed twice."),
  select,
  json
}

type Input = InputOf<typeof config>

const options = ({ acceptDoubleRuns, only, ...input }: Input): Effect.Effect<RetryOptions, UsageError> => {
  const select = selection(input.select)
  if (only !== "reported") {
    return acceptDoubleRuns
      ? Effect.fail(new UsageError({ message: "--accept-double-runs requires --only reported" }))
      : Effect.succeed({ only, select })
  }
  return acceptDoubleRuns
    ? Effect.succeed({ only, acceptDoubleRuns, select })
    : Effect.fail(
      new UsageError({
        message: "reported rows may have run: to retry them, and maybe pay twice, add --accept-double-runs"
      })
    )
}

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const given = yield* options(input)
  const retried = yield* Effect.provide(Batch.retry(input.id, given), Ledger.existing(input))
  yield* terminal.write(input.json ? jsonLine({ batch: input.id, retried }) : `${retried}\n`)
  if (retried > 0) yield* terminal.note("they run in the next run of the batch")
})

export const command = leaf("retry", "Make failed rows pending again, for the next run.", config, handle)
