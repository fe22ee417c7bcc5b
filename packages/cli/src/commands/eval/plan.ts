/** `noukai eval plan`. */
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalPlan } from "@effect-noukai/eval/EvalOptions"
import * as Effect from "effect/Effect"
import { connection, json } from "../../arguments/flags.js"
import { CommandError } from "../../exit/CommandError.js"
import { withoutKey } from "../../settings/services.js"
import { jsonLine } from "../../terminal/json.js"
import { table } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import { type InputOf, leaf } from "../leaf.js"
import { codes, definition, ending, sides, store } from "./evaluation.js"
import { compared, defined } from "./flags.js"

const config = { ...defined, ...compared, json, ...connection }

type Input = InputOf<typeof config>

/** Returns a line for each check whose verdicts would all be errors. */
export const notCaptured = ({ notCaptured }: EvalPlan): ReadonlyArray<string> =>
  notCaptured.map(({ check, reason }) => `${check}: ${reason}`)

const handle = (input: Input) =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    const one = yield* definition(input)
    const { stored: _, ...options } = yield* sides(one.name, input)
    const plan = yield* Eval.plan(one, options).pipe(Effect.provide(store(one.name, input, false)))
    const { baseline, candidate, cases, judges, repeat, reused, runs } = plan
    const named = ({ flow, stored, version }: typeof candidate) => stored ?? `${flow}@${version}`
    yield* terminal.write(
      input.json ? jsonLine(plan) : table([
        ["cases", cases],
        ["candidate", named(candidate)],
        ...baseline === undefined ? [] : [["baseline", named(baseline)] as const],
        ...repeat === 1 ? [] : [["trials of each", repeat] as const],
        ["runs", runs],
        ...reused === 0 ? [] : [["reused", reused] as const],
        ...judges.length === 0 ? [] : [["judged by flows", judges.join(", ")] as const]
      ])
    )
    const missing = notCaptured(plan)
    for (const line of missing) yield* terminal.note(line)
    if (missing.length > 0) return yield* new CommandError({ code: codes.definition, message: "" })
  }).pipe(Effect.provide(withoutKey(input)), Effect.scoped, ending(input))

export const command = leaf("plan", "Show what an eval would run; send and write nothing.", config, handle)
