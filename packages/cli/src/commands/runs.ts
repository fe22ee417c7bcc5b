/** `noukai runs`. */
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import { RunService } from "@effect-noukai/sdk/RunService"
import { costText, type FlowRun, type RunCost } from "@effect-noukai/sdk/Trace"
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { argument, json, jsonl, oneOf, optional, seeing, since, whole } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { wrong } from "../exit/CommandError.js"
import { withoutMethod } from "../exit/failing.js"
import { History } from "../settings/History.js"
import { services } from "../settings/services.js"
import { between, counted, moment, time } from "../terminal/amounts.js"
import { jsonLine } from "../terminal/json.js"
import { row } from "../terminal/table.js"
import { Terminal } from "../terminal/Terminal.js"
import { type InputOf, leaf } from "./leaf.js"
import { flowIdOf, listed } from "./seen.js"

const config = {
  flow: Args.optional(argument("flow", "The flow, org/project/slug (all runs this machine has seen).")),
  flowId: optional("flow-id", "Use this internal id of the flow."),
  status: Options.optional(
    oneOf("status", ["running", "completed", "failed", "cancelled"], "List only runs with this status.")
  ),
  limit: whole("limit", "List at most this many runs (all; 20 without a flow)."),
  since,
  json,
  jsonl,
  ...seeing
}

type Input = InputOf<typeof config>

/** The number of costs that are read at once. */
const concurrency = 4

/** The number of seen runs that are listed without --limit. */
const newest = 20

/** The rows of the table. Its widths are fixed, because runs are printed as they arrive. */
const tableOf = (width: number, last: "cost" | "steps") => {
  const isWide = width >= 90
  const begin = [36, 9, isWide ? 19 : 16]
  const widths = [...begin, ...last === "steps" ? [-8, -5] : isWide ? [-8, -9] : [-7, -8]]
  const gap = isWide ? 2 : 1
  return {
    head: (begun: string, ...more: ReadonlyArray<string>) =>
      // in 80 columns the title `duration` uses a column of the costs
      row(["id", "status", begun, "duration", last, ...more], [...begin, -8, widths[3]! + widths[4]! + 8], gap),
    row: (id: string, status: string, begun: string, ...more: ReadonlyArray<string>) =>
      row([id, status, moment(begun, !isWide), ...more], widths, gap)
  }
}

const durationOf = ({ completedAt, durationMs, startedAt }: FlowRun): string =>
  durationMs === undefined ? between(startedAt, completedAt) : time(durationMs)

type Read = Either.Either<RunCost, CallError>

/** Reads the cost of a run, or the reason why it cannot be read. */
const costOf = (flow: string, run: string): Effect.Effect<Read, never, RunService> =>
  Effect.flatMap(RunService, (runs) => Effect.either(runs.cost(flow, run)))

const shownCost = (read: Read): string =>
  Either.match(read, {
    onLeft: () => "?",
    onRight: costText
  })

/** Prints how many costs could not be read. */
const saidUnread = (terminal: Terminal.Service, read: ReadonlyArray<Read>): Effect.Effect<void> => {
  const unread = Arr.getLefts(read)
  return unread[0] === undefined
    ? Effect.void
    : terminal.note(`? the cost of ${counted(unread.length, "run")} could not be read: ${unread[0].message}`)
}

/** Reads and checks the flags before anything is sent. */
const read = Effect.fnUntraced(function*(input: Input) {
  if (input.json && input.jsonl) return yield* wrong("give --json or --jsonl, not both")
  if (Option.isSome(input.flow) && Option.isSome(input.flowId)) {
    return yield* wrong("give the address of a flow or --flow-id, not both")
  }
  const limit = Option.getOrUndefined(input.limit)
  if (limit !== undefined && limit < 1) return yield* wrong(`--limit must be at least 1, not ${limit}`)
  const since = yield* Values.when(input.since, Values.since)
  return { limit, since, status: Option.getOrUndefined(input.status) }
})

type Limits = Effect.Effect.Success<ReturnType<typeof read>>

/** Lists the runs of a flow from the server. */
const ofFlow = Effect.fnUntraced(function*(input: Input, flowId: string, limits: Limits) {
  const terminal = yield* Terminal
  const { runs } = yield* History
  const flow = Option.getOrUndefined(input.flow) ??
    (yield* runs).findLast((seen) => seen.flowId === flowId)?.flow
  // stops when the reader of stdout is gone
  const all = Stream.interruptWhen(listed({ flowId, ...limits }), terminal.closed)

  if (input.json) {
    const found: Array<unknown> = []
    const exit = yield* Effect.exit(
      Stream.runForEach(all, (run) => Effect.sync(() => void found.push(run.raw ?? run)))
    )
    // runs before a failure are printed
    if (Exit.isSuccess(exit) || found.length > 0) yield* terminal.write(jsonLine(found))
    return yield* exit
  }
  if (input.jsonl) return yield* Stream.runForEach(all, (run) => terminal.write(jsonLine(run.raw ?? run)))
  const table = tableOf(terminal.resultWidth(), flow === undefined ? "steps" : "cost")
  const costs: Array<Read> = []
  let count = 0
  const show = (run: FlowRun, last: string) =>
    terminal.write(
      `${count++ === 0 ? table.head("started (UTC)") : ""}${
        table.row(run.id, run.status, run.startedAt ?? "", durationOf(run), last)
      }`
    )
  yield* flow === undefined
    ? Stream.runForEach(all, (run) => show(run, run.stepCount === undefined ? "" : String(run.stepCount)))
    : all.pipe(
      Stream.mapEffect((run) => Effect.map(costOf(flow, run.id), (cost) => ({ run, cost })), { concurrency }),
      Stream.runForEach(({ cost, run }) => {
        costs.push(cost)
        return show(run, shownCost(cost))
      })
    )
  yield* saidUnread(terminal, costs)
  if (count === 0) yield* terminal.note("no runs")
})

/** Lists the runs of all flows in this machine's history. */
const ofMachine = Effect.fnUntraced(function*(input: Input, { limit = newest, since = 0, status }: Limits) {
  const terminal = yield* Terminal
  const history = yield* History
  if (!history.isKept) return yield* wrong("--no-history requires a flow")
  const seen = (yield* history.runs).filter(({ at }) => at >= since).toReversed()
  const read = Stream.fromIterable(seen).pipe(
    Stream.mapEffect((one) => Effect.map(costOf(one.flow, one.run), (cost) => ({ ...one, cost })), { concurrency }),
    Stream.filter(({ cost }) => status === undefined || (Either.isRight(cost) && cost.right.status === status)),
    Stream.take(limit),
    Stream.interruptWhen(terminal.closed)
  )
  const json = ({ at, cost, flow, flowId, run }: Stream.Stream.Success<typeof read>) => ({
    executionId: run,
    flow,
    flowId,
    seenAt: new Date(at).toISOString(),
    ...Either.match(cost, {
      onLeft: (error) => ({ error: withoutMethod(error) }),
      onRight: ({ costUsd, isKnown, status, wallMs }) => ({
        status,
        durationMs: wallMs,
        ...isKnown ? { costUsd } : {}
      })
    })
  })
  const costs: Array<Read> = []
  if (input.json) {
    const found = yield* Stream.runCollect(Stream.map(read, json))
    yield* terminal.write(jsonLine([...found]))
  } else {
    const table = tableOf(terminal.resultWidth(), "cost")
    yield* Stream.runForEach(read, (one) => {
      if (input.jsonl) return terminal.write(jsonLine(json(one)))
      const { at, cost, flow, run } = one
      costs.push(cost)
      const [status, duration] = Either.match(cost, {
        onLeft: () => ["?", ""] as const,
        onRight: ({ status, wallMs }) => [status, time(wallMs)] as const
      })
      return terminal.write(
        `${costs.length === 1 ? table.head("seen (UTC)", "flow") : ""}${
          table.row(run, status, new Date(at).toISOString(), duration, shownCost(cost), flow)
        }`
      )
    })
    yield* saidUnread(terminal, costs)
  }
  yield* terminal.note(
    `${
      seen.length === 0 ? "no runs; " : ""
    }the server lists the runs of one flow at a time: without a flow, only runs that this machine has seen are listed`
  )
})

const handle = Effect.fnUntraced(function*(input: Input) {
  const limits = yield* read(input)
  yield* Effect.gen(function*() {
    if (Option.isNone(input.flow) && Option.isNone(input.flowId)) return yield* ofMachine(input, limits)
    const flowId = Option.isSome(input.flowId)
      ? input.flowId.value
      : yield* flowIdOf(Option.getOrElse(input.flow, () => ""), input)
    return yield* ofFlow(input, flowId, limits)
  }).pipe(Effect.provide(services(input)))
})

export const command = leaf("runs", "List the runs of a flow, newest first.", config, handle)
