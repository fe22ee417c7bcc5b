/** Handles `noukai runs`. */
import type { UnexpectedResponseError } from "@effect-noukai/sdk"
import { RunService } from "@effect-noukai/sdk/RunService"
import type { FlowRun } from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { CommandError, UsageError } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { ending } from "../../exit/failing.js"
import { services } from "../../settings/services.js"
import { between, moment, time } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { hint } from "../../terminal/shell.js"
import { row } from "../../terminal/table.js"
import { Terminal } from "../../terminal/Terminal.js"
import type { Handle } from "../leaf.js"
import type { Input } from "./input.js"

const wrong = (message: string) => new UsageError({ message, command: "noukai runs" })

/** The runs of a page. */
const longestPage = 100

/** The flow to list, as it was given. */
const flowOf = ({ flow, flowId }: Input) =>
  Option.isSome(flow) === Option.isSome(flowId)
    ? Effect.fail(wrong("give the address of a flow or --flow-id, one of them"))
    : Effect.succeed(
      Option.isSome(flowId) ? { flowId: flowId.value } : { flow: Option.getOrElse(flow, () => "") }
    )

/** The rows of a table, which is made before its runs are known: ids are UUIDs. */
const tableOf = (width: number) => {
  const isWide = width >= 90
  const widths = [36, 9, isWide ? 19 : 16, -8, -5]
  const line = (values: ReadonlyArray<string>) => row(values, widths, isWide ? 2 : 1)
  return {
    head: line(["id", "status", "started (UTC)", "duration", "steps"]),
    row: ({ completedAt, durationMs, id, startedAt, status, stepCount }: FlowRun) =>
      line([
        id,
        status,
        moment(startedAt, !isWide),
        durationMs === undefined ? between(startedAt, completedAt) : time(durationMs),
        stepCount === undefined ? "" : String(stepCount)
      ])
  }
}

/** A client that has just begun has learnt no id of any flow. */
const notLearnt = (message: string, input: Input) =>
  new CommandError({
    code: exitCodes.usage,
    message,
    advice: [
      `give --flow-id; flowRun.flowId of any run of the flow has it: ${
        hint(input, "trace", [...Option.toArray(input.flow), "ID"], [["--json"]])
      }`
    ]
  })

const notPaged = (error: UnexpectedResponseError) =>
  new CommandError({
    code: exitCodes.failed,
    message: error.message,
    advice: [`--limit ${longestPage} lists the newest, in one request`]
  })

const json = (run: FlowRun): unknown => run.raw ?? run

/** The runs to list, checked before anything is sent. */
const read = Effect.fnUntraced(function*(input: Input) {
  if (input.json && input.jsonl) return yield* wrong("give --json or --jsonl, not both")
  const limit = Option.getOrUndefined(input.limit)
  if (limit !== undefined && limit < 1) return yield* wrong(`--limit is a number from 1, not ${limit}`)
  return { limit, listed: yield* flowOf(input), status: Option.getOrUndefined(input.status) }
})

const list = Effect.fnUntraced(
  function*(input: Input, { limit, listed, status }: Effect.Effect.Success<ReturnType<typeof read>>) {
    const terminal = yield* Terminal
    const runs = yield* RunService
    let count = 0
    const all = runs.list({ ...listed, status, limit: Math.min(limit ?? longestPage, longestPage) }).pipe(
      Stream.take(limit ?? Number.MAX_SAFE_INTEGER),
      Stream.tap(() => Effect.sync(() => void count++)),
      Stream.mapError((error) => {
        if (error._tag === "InvalidRequestError" && error.field === "flow" && error.statusCode === undefined) {
          return notLearnt(error.message, input)
        }
        return error._tag === "UnexpectedResponseError" && count >= longestPage ? notPaged(error) : error
      }),
      // nobody reads what would still come
      Stream.interruptWhen(terminal.closed)
    )

    if (input.json) {
      const found: Array<unknown> = []
      const exit = yield* Effect.exit(Stream.runForEach(all, (run) => Effect.sync(() => void found.push(json(run)))))
      // what came before a failure is not lost
      if (Exit.isSuccess(exit) || found.length > 0) yield* terminal.write(jsonLine(found))
      return yield* exit
    }
    if (input.jsonl) return yield* Stream.runForEach(all, (run) => terminal.write(jsonLine(json(run))))
    const table = tableOf(terminal.resultWidth())
    yield* Stream.runForEach(all, (run) => terminal.write(`${count === 1 ? table.head : ""}${table.row(run)}`))
    if (count === 0) yield* terminal.note("no runs")
  },
  (effect, input) => Effect.provide(effect, services(input))
)

export const handle: Handle<Input> = Effect.fnUntraced(function*(input: Input) {
  yield* list(input, yield* read(input))
}, ending("reads"))
