/** `noukai cost`. */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import { RunService } from "@effect-noukai/sdk/RunService"
import * as Trace from "@effect-noukai/sdk/Trace"
import type { RunCost, Totals } from "@effect-noukai/sdk/Trace"
import * as Args from "@effect/cli/Args"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { argument, flowOrRun, json, seeing, since, until } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { CommandError, failed as failure, type UsageError, wrong } from "../exit/CommandError.js"
import { exitCodeOf, exitCodes, worst } from "../exit/exitCode.js"
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
  until,
  json,
  ...seeing
}

type Input = InputOf<typeof config>

const concurrency = 4

/** Amounts as JSON: the cost as text, with all its digits. */
const withoutDecimal = <A extends { readonly cost: unknown }>({ cost: _, ...rest }: A) => rest

const jsonOf = <A extends Totals>(totals: A) => ({
  ...withoutDecimal(totals),
  steps: totals.steps.map(withoutDecimal),
  models: totals.models.map(withoutDecimal)
})

const columns = ({ tokens, wallMs }: Totals) => [time(wallMs), String(tokens.total)]

const textOf = (runs: ReadonlyArray<RunCost>, total: Totals, isCut: boolean): string => {
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
    ...(runs.length > 1 || isCut
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

/** Runs to add up. */
interface Chosen {
  readonly runs: ReadonlyArray<RunOfFlow>
  /** Why earlier runs of the period are missing. Absent if none are. */
  readonly cut?: CommandError
}

/** Returns the listed runs of a period. The list of a server may end before the start of the period. */
const ofPeriod = Effect.fnUntraced(function*(flow: string, flowId: string, { since, until }: Values.Period) {
  const runs: Array<RunOfFlow> = []
  const listing = Stream.runForEach(listed({ flowId, since }), ({ id, startedAt }) =>
    Effect.sync(() => {
      if (!(Date.parse(startedAt ?? "") >= until)) runs.push({ flow, run: id })
    }))
  const ended = yield* Effect.either(listing)
  if (Either.isRight(ended)) return { runs }
  if (ended.left._tag !== "CommandError") return yield* ended.left
  return {
    runs,
    cut: failure(`the server lists only the newest ${longestPage} runs, and they do not reach back to --since`, [
      "the sum is at least that: earlier runs of the period are missing"
    ])
  }
})

/** The runs to add up, checked before anything is sent. */
const chosen: (input: Input, period: Values.Period | undefined) => Effect.Effect<
  Chosen,
  CallError | CommandError | UsageError,
  History | RunService | Terminal
> = Effect.fnUntraced(function*(input, period) {
  const terminal = yield* Terminal
  const ids = yield* Effect.forEach(new Set(input.runs), Values.executionId)
  const flow = Option.getOrUndefined(input.flow)
  if (flow !== undefined && ids.length > 0) {
    if (period === undefined) return { runs: ids.map((run) => ({ flow, run })) }
    return yield* wrong("give --since or run ids, not both")
  }
  const history = yield* History
  if (flow === undefined && period !== undefined && history.isKept) {
    yield* terminal.note(
      "without a flow, only runs that this machine has seen are counted, without those of batches, whose status has their cost"
    )
    return { runs: (yield* history.runs).filter(({ at }) => at >= period.since && at < period.until) }
  }
  const isRun = isUuid(flow) || (yield* history.runs).some(({ run }) => run === flow)
  if (flow === undefined || isRun) return { runs: [yield* runOf(input.flow, Option.none())] }
  const flowId = yield* flowIdOf(flow, input)
  if (period !== undefined) return yield* ofPeriod(flow, flowId, period)
  const runs = yield* Stream.runCollect(listed({ flowId, limit: longestPage, since: undefined }))
  if (runs.length === longestPage) {
    yield* terminal.note(`the newest ${longestPage} runs: --since adds up all runs since a time`)
  }
  return { runs: [...runs].map(({ id }) => ({ flow, run: id })) }
})

const add = Effect.fnUntraced(function*(input: Input, period: Values.Period | undefined) {
  const terminal = yield* Terminal
  const { cost } = yield* RunService
  const { cut, runs: all } = yield* chosen(input, period)
  const [failed, runs] = yield* Effect.partition(
    all,
    ({ flow, run }) =>
      Effect.mapError(cost(flow, run), (error) => ({ executionId: run, code: exitCodeOf(error, "reads"), error })),
    { concurrency }
  )
  const sum = Trace.sumTotals(runs)
  // the costs of runs that cannot be read, or are not listed, are unknown, too
  const total = { ...sum, unknownCosts: sum.unknownCosts + failed.length + (cut === undefined ? 0 : 1) }

  if (input.json) {
    yield* terminal.write(jsonLine({
      runs: runs.map(jsonOf),
      total: { ...jsonOf(total), isKnown: total.unknownCosts === 0 },
      failed: failed.map(({ code, error, executionId }) => ({ executionId, code, message: withoutMethod(error) }))
    }))
  } else if (runs.length > 0) yield* terminal.write(textOf(runs, total, cut !== undefined))
  else if (failed.length === 0) yield* terminal.note("no runs")

  const [first] = failed
  if (first === undefined) return yield* cut ?? Effect.void
  const count = runs.length + failed.length
  if (count === 1 && cut === undefined) return yield* toCommandError(first.error, "reads", input)
  return yield* new CommandError({
    code: worst([...failed.map(({ code }) => code), ...cut === undefined ? [] : [exitCodes.failed]]),
    message: `${failed.length} of ${counted(count, "run")} could not be read`,
    advice: [
      ...failed.map(({ error, executionId }) => `${executionId}: ${withoutMethod(error)}`),
      ...cut === undefined ? [] : [cut.message, ...cut.advice ?? []]
    ]
  })
})

const handle = (input: Input) =>
  Effect.flatMap(
    Values.period(input.since, input.until),
    (period) => Effect.provide(add(input, period), services(input))
  )

export const command = leaf("cost", "Add up the cost and duration of runs.", config, handle)
