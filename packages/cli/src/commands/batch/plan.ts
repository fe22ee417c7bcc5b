/** `noukai batch plan`. */
import * as Effect from "effect/Effect"
import { connection, json } from "../../arguments/flags.js"
import { reported, wrong } from "../../exit/CommandError.js"
import * as Settings from "../../settings/Settings.js"
import { jsonLine } from "../../terminal/json.js"
import { list } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { definition } from "./definition.js"
import { defined, select, selection } from "./flags.js"
import * as Ledger from "./ledger.js"
import { planned, reasons, refusals } from "./planned.js"
import * as Source from "./source.js"

const config = { ...defined, select, json, ...connection }

type Input = InputOf<typeof config>

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const file = yield* Ledger.path(input)
  const batch = yield* definition(input)
  yield* terminal.progress("… reading rows")
  const plan = yield* planned(batch, yield* Source.source(input, false), file, selection(input.select))
  yield* terminal.progress("")
  const { absent, added, invalid, known: { invalid: _, ...known }, mended, refusedCount, toRun, unselected } = plan
  yield* terminal.write(
    input.json ? jsonLine(plan) : list({
      new: added,
      ...known,
      mended: mended || undefined,
      updated: plan.updated || undefined,
      absent: absent || undefined,
      unselected: unselected || undefined,
      invalid,
      refused: refusedCount,
      "to run": toRun
    })
  )
  const isUsable = plan.ready + unselected > 0 || Object.keys(known).length > 0 ||
    plan.refused.some(({ error }) => error.kind === "InputChanged")
  if (!isUsable) {
    const [first = "it has no rows"] = reasons(plan)
    return yield* wrong(`no row of ${input.input} can be run: ${first}`)
  }
  yield* refusals(plan)
  // the failures are printed already
  if (invalid + refusedCount > 0) return yield* reported()
}, (effect, input) => Effect.provide(Effect.scoped(effect), Settings.layer(input)))

export const command = leaf("plan", "Show what a run would do; send and write nothing.", config, handle)
