/** `noukai cost`. */
import { RunService } from "@effect-noukai/sdk/RunService"
import * as Trace from "@effect-noukai/sdk/Trace"
import type { RunCost, Totals } from "@effect-noukai/sdk/Trace"
import * as Args from "@effect/cli/Args"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { argument, flowOrRun, json, seeing, since } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { CommandError, wrong } from "../exit/CommandError.js"
import { exitCodeOf, worst } from "../exit/exitCode.js"
import { toCommandError, withoutMethod } from "../exit/failing.js"
import { History } from "../settings/History.js"
import { services } from "../settings/services.js"
import { counted, time } from "../terminal/amounts.js"
import { jsonLine } from "../terminal/json.js"
import { table } from "../terminal/table.js"
import { Terminal } from "../terminal/Terminal.js"
import { type InputOf, leaf } from "./leaf.js"
import { flowIdOf, listed, longestPage, runOf, type RunOfFlow } from "./seen.js"

const config = {
  flow: flowOrRun,
  runs: Args.repeated(argument("id", "The ids of runs (the newest 100 of the flow).")),
  since,
  json,
  ...seeing
}

type Input = InputOf<typeof config>

const concurrency = 4

/** Amounts as JSON: the cost as text, which holds all its digits. */
const withoutDecimal = <A extends { readonly cost: unknown }>({ cost: _, ...rest }: A) => rest

const jsonOf = <A extends Totals>(totals: A) => ({
  ...withoutDecimal(totals),
  steps: totals.steps.map(withoutDecimal),
  models: totals.models.map(withoutDecimal)
})

const columns = ({ tokens, wallMs }: Totals) => [time(wallMs), String(tokens.total)]

const textOf = (runs: ReadonlyArray<RunCost>, total: Totals): string => {
  const unknown = runs.filter(({ isKnown }) => !isKnown)
  const unstored = unknown.filter(({ steps }) => steps.length === 0).length
  const steps = runs.reduce((sum, run) => sum + (run.steps.length === 0 ? 0 : run.unknownCosts), 0)
  const rows = [
    ["run", "status", "time", "tokens", "cost"],
    ...runs.map((run) => [
      run.executionId,
      run.status,
      ...run.steps.length > 0 ? [...columns(run), Trace.costText(run)] : ["", "", Trace.costText(run)]
    ]),
    ...(runs.length > 1
      ? [["all", "", ...columns(total), Trace.costText(total)]]
      : [])
  ]
  const models = total.models.map(({ model, tokens, ...sum }) => [
    model ?? "(not told)",
    String(tokens.prompt),
    String(tokens.completion),
    Trace.costText(sum)
  ])
  return table(rows, [2, 3, 4]) +
    (models.length === 0 ? "" : `\n${table([["model", "prompt", "completion", "cost"], ...models], [1, 2, 3])}`) +
    (unstored === 0 ? "" : `\nunknown: ${counted(unstored, "run")} without stored steps\n`) +
    (steps === 0 ? "" : `\nunknown: the cost of ${counted(steps, "step")} is missing, or cannot be read\n`)
}

/** The runs to add up, checked before anything is sent. */
const chosen = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const ids = yield* Effect.forEach(new Set(input.runs), Values.executionId)
  const since = yield* Values.when(input.since, Values.since)
  const flow = Option.getOrUndefined(input.flow)
  if (flow !== undefined && ids.length > 0) {
    if (since === undefined) return ids.map((run): RunOfFlow => ({ flow, run }))
    return yield* wrong("give --since or run ids, not both")
  }
  const history = yield* History
  if (flow === undefined && since !== undefined && history.isKept) {
    yield* terminal.note(
      "without a flow, only runs that this machine has seen are counted"
    )
    return (yield* history.runs).filter(({ at }) => at >= since)
  }
  const isRun = Values.isUuid(flow) || (yield* history.runs).some(({ run }) => run === flow)
  if (flow === undefined || isRun) return [yield* runOf(input.flow, Option.none())]
  const flowId = yield* flowIdOf(flow, input)
  const limit = since === undefined ? longestPage : undefined
  const runs = yield* Stream.runCollect(listed({ flowId, limit, since }))
  if (runs.length === limit) yield* terminal.note(`the newest ${limit} runs: --since adds up all runs since a time`)
  return [...runs].map(({ id }): RunOfFlow => ({ flow, run: id }))
})

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { cost } = yield* RunService
  const [failed, runs] = yield* Effect.partition(
    yield* chosen(input),
    ({ flow, run }) =>
      Effect.mapError(cost(flow, run), (error) => ({ executionId: run, code: exitCodeOf(error, "reads"), error })),
    { concurrency }
  )
  const sum = Trace.sumTotals(runs)
  // the cost of a run that cannot be read is unknown, too
  const total = { ...sum, unknownCosts: sum.unknownCosts + failed.length }

  if (input.json) {
    yield* terminal.write(jsonLine({
      runs: runs.map(jsonOf),
      total: { ...jsonOf(total), isKnown: total.unknownCosts === 0 },
      failed: failed.map(({ code, error, executionId }) => ({ executionId, code, message: withoutMethod(error) }))
    }))
  } else if (runs.length > 0) yield* terminal.write(textOf(runs, total))
  else if (failed.length === 0) yield* terminal.note("no runs")

  const [first] = failed
  if (first === undefined) return
  const count = runs.length + failed.length
  if (count === 1) return yield* toCommandError(first.error, "reads", input)
  return yield* new CommandError({
    code: worst(failed.map(({ code }) => code)),
    message: `${failed.length} of ${counted(count, "run")} could not be read`,
    advice: failed.map(({ error, executionId }) => `${executionId}: ${withoutMethod(error)}`)
  })
}, (effect, input) => Effect.provide(effect, services(input)))

export const command = leaf("cost", "Add up the cost and duration of runs.", config, handle)
