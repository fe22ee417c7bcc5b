/** `noukai batch pause` and `noukai batch resume`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { json } from "../../arguments/flags.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { batchFlags } from "./flags.js"
import * as Ledger from "./ledger.js"

const config = { ...batchFlags, json }

type Input = InputOf<typeof config>

const handling = (act: typeof Batch.pause, advice: (input: Input) => string) =>
  Effect.fnUntraced(function*(input: Input) {
    const terminal = yield* Terminal
    yield* act(input.id)
    const { status } = yield* Batch.status(input.id)
    yield* terminal.write(input.json ? jsonLine({ batch: input.id, status }) : `${status}\n`)
    if (status === "paused" || status === "incomplete") yield* terminal.note(advice(input))
  }, Ledger.inLedger)

export const command = leaf(
  "pause",
  "Start no more rows of a batch until it is resumed.",
  config,
  handling(
    Batch.pause,
    (input) => `rows in flight run to their end; to continue: ${Ledger.about(input, "batch resume")}`
  )
)

export const resume = leaf(
  "resume",
  "Let the next run continue a paused batch.",
  config,
  handling(Batch.resume, () => "the next run of the batch continues it")
)
