/** `noukai eval plan`. */
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalPlan } from "@effect-noukai/eval/EvalOptions"
import { maskedValue } from "@effect-noukai/sdk/SafeText"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { connection, json } from "../../arguments/flags.js"
import { reported, wrong } from "../../exit/CommandError.js"
import { withoutKey } from "../../settings/services.js"
import { jsonLine } from "../../terminal/json.js"
import { list } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, codes, definition, selection, sides, store } from "./evaluation.js"
import { compared, defined, run, selected } from "./flags.js"

const config = { ...defined, run, ...compared, ...selected, json, ...connection }

type Input = InputOf<typeof config>

/** Returns a line for each check whose verdicts would all be errors. */
export const notCaptured = ({ notCaptured }: EvalPlan): ReadonlyArray<string> =>
  notCaptured.map(({ check, reason }) => `${check}: ${reason}`)

/** Returns a line for each change since the stored baseline was blessed. */
export const stale = ({ stale }: EvalPlan): ReadonlyArray<string> => stale.map((line) => `stale baseline: ${line}`)

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const one = yield* definition(input)
  if (Option.isSome(input.run) && !input.failing) return yield* wrong("the id of a run requires --failing")
  const { stored: _, ...options } = yield* sides(one, input)
  const plan = yield* Eval.plan(one, { ...options, ...selection(input, input.run) }).pipe(
    Effect.provide(Layer.merge(store(one.name, input, false), withoutKey(input)))
  )
  const { baseline, candidate, cases, others = [], judges, repeat, reused, runs, selection: part } = plan
  const named = ({ flow, name, stored, version }: typeof candidate) => stored ?? name ?? `${flow}@${version}`
  yield* terminal.write(
    input.json ? jsonLine(maskedValue(plan)) : list({
      cases: part === undefined ? cases : `${cases} of ${part.of}`,
      [others.length === 0 ? "candidate" : "candidates"]: [candidate, ...others].map(named).join(", "),
      baseline: baseline && named(baseline),
      "trials of each": repeat === 1 ? undefined : repeat,
      runs,
      reused: reused || undefined,
      "judged by flows": judges.join(", ") || undefined
    })
  )
  for (const line of stale(plan)) yield* terminal.note(line, "yellow")
  const missing = notCaptured(plan)
  for (const line of missing) yield* terminal.note(line)
  if (missing.length > 0) return yield* reported(codes.definition)
}, asEval)

export const command = leaf("plan", "Show what an eval would run; send and write nothing.", config, handle)
