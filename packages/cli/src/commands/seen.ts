/** Finds runs and flows in this machine's history. */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import type { CallError, UnexpectedResponseError } from "@effect-noukai/sdk/NoukaiError"
import { type ListOptions, RunService } from "@effect-noukai/sdk/RunService"
import type { FlowRun } from "@effect-noukai/sdk/Trace"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Values from "../arguments/values.js"
import { CommandError, failed, type UsageError, wrong } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { withoutMethod } from "../exit/failing.js"
import { History } from "../settings/History.js"
import { hint, type ServerFlags } from "../terminal/shell.js"

/** The number of runs in a page. */
export const longestPage = 100

/** A run and its flow. */
export interface RunOfFlow {
  readonly flow: string
  readonly run: string
}

const unknown = (what: string) => wrong(`this machine has not seen ${what}: give the flow and the id of the run`)

/** Returns the run of a command. `flow` is its flow or its id. Default: the last seen run. */
export const runOf = Effect.fnUntraced(function*(flow: Option.Option<string>, id: Option.Option<string>) {
  if (Option.isSome(id) && Option.isSome(flow)) {
    return { flow: flow.value, run: yield* Values.executionId(id.value) }
  }
  const history = yield* History
  if (!history.isKept) return yield* wrong("--no-history requires a flow and a run id")
  const runs = yield* history.runs
  if (Option.isNone(flow)) return runs.at(-1) ?? (yield* unknown("a run on this server"))
  const given = flow.value
  const byId = runs.find(({ run }) => run === given)
  if (byId !== undefined) return byId
  if (isUuid(given)) return yield* unknown(`run ${given}`)
  const address = history.address(given)
  return runs.findLast((seen) => seen.flow === address) ?? (yield* unknown(`a run of ${address}`))
})

/** Returns the run that one argument names: `flow/id`, the id of a seen run, or a flow for its last seen run. */
export const runNamed = (text: string): Effect.Effect<RunOfFlow, UsageError, History> => {
  const at = text.lastIndexOf("/")
  const run = text.slice(at + 1)
  return at > 0 && (isUuid(run) || text.split("/").length > 3)
    ? runOf(Option.some(text.slice(0, at)), Option.some(run))
    : runOf(Option.some(text), Option.none())
}

/** Returns the server's id of a flow, from the history or from the trace of a seen run. */
export const flowIdOf = Effect.fnUntraced(function*(flow: string, input: ServerFlags) {
  const history = yield* History
  const address = history.address(flow)
  const runs = (yield* history.runs).filter((seen) => seen.flow === address)
  const known = runs.findLast(({ flowId }) => flowId !== undefined)?.flowId
  if (known !== undefined) return known
  const last = runs.at(-1)
  if (last !== undefined) {
    const { flowRun: { flowId } } = yield* Effect.flatMap(RunService, (service) => service.trace(flow, last.run))
    yield* history.note({ flow, run: last.run, flowId })
    if (flowId !== undefined) return flowId
  }
  return yield* new CommandError({
    code: exitCodes.usage,
    message: `listing runs requires the internal id of ${address}, which this machine has not seen yet`,
    advice: [
      "runs of a batch do not tell it; their cost is in the status of the batch",
      `run the flow once, or read one of its runs: ${hint(input, "trace", [flow, "ID"])}`,
      `or give the id, which trace --json and session show --json print as flowId: ${
        hint(input, "runs", [], [["--flow-id", "ID"]])
      }`
    ]
  })
})

const notPaged = (error: UnexpectedResponseError) =>
  failed(withoutMethod(error), [`--limit ${longestPage} lists the newest, in one request`])

/** Lists the runs of a flow, newest first. `since` is in milliseconds since the epoch. */
export const listed = (
  { limit, since, ...options }: ListOptions & { readonly since: number | undefined }
): Stream.Stream<FlowRun, CallError | CommandError, RunService> =>
  Stream.unwrap(Effect.map(RunService, (runs) => {
    let count = 0
    return runs.list({ ...options, limit: Math.min(limit ?? longestPage, longestPage) }).pipe(
      Stream.takeWhile(({ startedAt }) => since === undefined || !(Date.parse(startedAt ?? "") < since)),
      Stream.take(limit ?? Number.MAX_SAFE_INTEGER),
      Stream.tap(() => Effect.sync(() => void count++)),
      Stream.mapError((error) =>
        error._tag === "UnexpectedResponseError" && count >= longestPage ? notPaged(error) : error
      )
    )
  }))
