/** Handles `noukai batch pause` and `noukai batch resume`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Effect from "effect/Effect"
import { jsonLine } from "../../../terminal/json.js"
import { Terminal } from "../../../terminal/Terminal.js"
import type { Handle } from "../../leaf.js"
import type { Input } from "../cancel/input.js"
import { failing } from "../failing.js"
import * as Ledger from "../ledger.js"

const handling = (act: typeof Batch.pause, advice: (input: Input) => string): Handle<Input> =>
  Effect.fnUntraced(
    function*(input: Input) {
      const terminal = yield* Terminal
      yield* act(input.id)
      const { status } = yield* Batch.status(input.id)
      yield* terminal.write(input.json ? jsonLine({ batch: input.id, status }) : `${status}\n`)
      if (status === "paused" || status === "incomplete") yield* terminal.note(advice(input))
    },
    (effect, input) => Effect.provide(effect, Ledger.existing(input)),
    failing
  )

export const handle = handling(
  Batch.pause,
  (input) => `rows in flight run to their end; to continue: ${Ledger.about(input, "batch resume")}`
)

export const resume = handling(Batch.resume, () => "the next run of the batch continues it")
