/** One call of a tool: its turn, its budget, its run and its result. */
import type { EventsOnceOptions, StreamEvent } from "@effect-noukai/promise"
import { canonicalText, digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import type { CallToolResult } from "@modelcontextprotocol/server"
import * as BigDecimal from "effect/BigDecimal"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type { McpTools } from "../client.js"
import * as Budget from "./budget.js"
import { failure, ofError, type ToolFailure } from "./failure.js"
import type { PreparedTool } from "./prepared.js"
import { hashed } from "./state.js"
import type { Turns } from "./turns.js"

/** The parts that all calls of a server share. */
export interface Shared {
  readonly turns: Turns
  readonly budget: Budget.Budget
  /** Connects the servers whose tools a flow may call. */
  readonly toolsOf: (servers: ReadonlyArray<string>) => Effect.Effect<McpTools, ToolFailure>
  /** Writes one line of details. */
  readonly log: (text: string) => void
}

/** A call of an agent. */
export interface Call {
  readonly arguments: { readonly [name: string]: unknown }
  /** The key of the request, if it has one. */
  readonly key: unknown
  /** The authorised caller. Absent over HTTP without a login. */
  readonly caller: string | undefined
  readonly progress: ((progress: number, total: number | undefined, message: string) => void) | undefined
}

/** The result that tells a failure. */
export const failed = (
  { code, executionId, message }: Pick<ToolFailure, "code" | "executionId" | "message">,
  costUsd?: string,
  ...more: ReadonlyArray<string>
): CallToolResult => ({
  content: [told({ code, executionId, message }), ...more].map((text) => ({ type: "text", text })),
  isError: true,
  _meta: metaOf({ code, executionId, costUsd })
})

const told = ({ code, executionId, message }: Pick<ToolFailure, "code" | "executionId" | "message">): string =>
  `${code}: ${message}${executionId === undefined ? "" : ` (run ${executionId})`}`

const metaOf = (known: { readonly [name in "code" | "costUsd" | "executionId"]?: string | undefined }) =>
  Object.fromEntries(
    Object.entries(known).flatMap(([name, value]) => value === undefined ? [] : [[`xyz.noukai/${name}`, value]])
  )

/** The key of the run, if the call or its tool asks for one run. The id of a JSON-RPC request is never a key. */
const keyOf = Effect.fnUntraced(function*({ config, flow, name }: PreparedTool, call: Call, day: string) {
  const { caller, key } = call
  if (key === undefined && config.once === undefined) return undefined
  if (key !== undefined && (typeof key !== "string" || key === "")) {
    return yield* failure("INVALID_KEY", "_meta[\"xyz.noukai/key\"] must be a text; nothing was started")
  }
  if (caller === undefined) {
    const why = "one run per key requires an authorised caller (authInfo); nothing was started"
    return yield* failure("INVALID_KEY", why)
  }
  const version = String(config.version ?? "production")
  const unique = key === undefined ? ["arguments", canonicalText(call.arguments), day] : ["key", key]
  return `mcp-${hashed(caller, name, flow.org, flow.project, flow.slug, version, ...unique)}`
})

/** A run as far as its events tell it. */
class Seen {
  executionId: string | undefined
  completed: { readonly result: unknown } | undefined
  private steps: number | undefined
  private ended = 0
  private progress = 0
  private readonly running = new Set<string>()

  constructor(private readonly tell: Call["progress"]) {}

  /** Tells the agent of a step. The number must grow. */
  private step(message: string): Effect.Effect<void> {
    const now = 2 * this.ended + this.running.size
    const total = 2 * (this.steps ?? 0)
    if (now > this.progress) this.tell?.(now, total < now ? undefined : total, message)
    this.progress = Math.max(now, this.progress)
    return Effect.void
  }

  note(event: StreamEvent): Effect.Effect<void, ToolFailure> {
    const { executionId } = this
    switch (event.type) {
      case "run_started":
      case "flow_started":
        this.executionId = event.executionId ?? event.runId
        this.steps = event.stepCount
        return Effect.void
      case "step_started":
        this.running.add(event.stepId)
        return this.step(event.name ?? event.stepId)
      case "step_completed":
        this.running.delete(event.stepId)
        this.ended++
        return this.step(event.name ?? event.stepId)
      case "flow_completed":
        this.executionId = event.executionId ?? executionId
        this.completed = { result: event.result }
        return Effect.void
      case "tool_calls_required": {
        const names = event.toolCalls.map(({ function: { name } }) => name).join(", ")
        return failure("UNKNOWN_TOOLS", `the flow waits for tools that this server does not have: ${names}`, {
          executionId
        })
      }
      case "step_error": {
        const { code = "FLOW_EXECUTION", message: cause } = event.error ?? {}
        const what = `the step ${event.name ?? event.stepId} failed`
        return failure(String(code), what, { executionId, cause, isSettled: true })
      }
      default:
        return Effect.void
    }
  }
}

/** Runs the flow, or follows the run of the key. */
const followed = (tool: PreparedTool, call: Call, key: string | undefined, tools: McpTools | undefined, seen: Seen) => {
  const { config, flow, timeout } = tool
  const { message, ...parameters } = { message: undefined, ...call.arguments }
  const options: EventsOnceOptions = {
    ...typeof message === "string" ? { message } : {},
    ...config.parameters === undefined ? {} : { parameters },
    ...tools,
    version: config.version,
    maxCostUsd: BigDecimal.format(tool.maxCostUsd)
  }
  // a run whose process was killed goes on after half of the time; for 2 seconds of it `eventsOnce` looks at the run again
  const half = Duration.toMillis(timeout) / 2
  const silence = Math.min(120_000, Math.ceil(Math.max(half - 2_000, half / 2)))
  const events = () =>
    key === undefined
      ? flow.events(options)
      : flow.eventsOnce(key, { ...options, takeOver: true, silence })
  const late = `the run took more than ${config.timeout} and was stopped`
  return Stream.suspend(() => Stream.fromAsyncIterable(events(), (error) => ofError(error, seen.executionId))).pipe(
    Stream.runForEach((event) => seen.note(event)),
    Effect.timeoutFail({
      duration: timeout,
      onTimeout: () => failure("TIMEOUT", late, { executionId: seen.executionId })
    }),
    Effect.flatMap(() =>
      seen.completed === undefined
        ? failure("INCOMPLETE", "the run has no result", { executionId: seen.executionId })
        : Effect.succeed(seen.completed.result)
    )
  )
}

/** The cost of a run that has ended, if all of it is known. */
const costOf = ({ flow }: PreparedTool, executionId: string) =>
  Effect.tryPromise({
    try: (signal) => flow.run(executionId).cost({ signal, timeout: 10_000 }),
    catch: (error) => ofError(error)
  }).pipe(
    Effect.map(({ costUsd, isKnown }) => isKnown ? costUsd : undefined),
    Effect.orElseSucceed(() => undefined)
  )

/** The result for the agent. The SDK of MCP would lose a result that does not fit, so it is checked here. */
const resultOf = Effect.fnUntraced(
  function*(tool: PreparedTool, value: unknown, executionId?: string, costUsd?: string) {
    const text = typeof value === "string" ? value : stringifyJson(value, digitsWithin(value)) ?? "null"
    const result: CallToolResult = { content: [{ type: "text", text }], _meta: metaOf({ executionId, costUsd }) }
    if (tool.result === undefined) return result
    const { "~standard": { validate } } = tool.result
    const { issues } = yield* Effect.promise(async () => validate(value))
    if (issues === undefined) return { ...result, structuredContent: value }
    const problem = issues.map(({ message }) => message).join("; ")
    const message = `the result does not fit the schema of the config (${problem}); it was paid, and follows`
    return failed({ code: "RESULT_MISMATCH", message, executionId }, costUsd, text)
  }
)

/** The cost of a call. A step that was cut off may be billed later: the reserve stays. */
const spentBy = (
  { maxCostUsd }: PreparedTool,
  problem: ToolFailure | undefined,
  run: string | undefined,
  costUsd: string | undefined
): Budget.Spent => {
  if (problem?.isFree === true) return { usd: BigDecimal.unsafeFromNumber(0) }
  const usd = costUsd === undefined ? maxCostUsd : BigDecimal.unsafeFromString(costUsd)
  const isCut = costUsd === undefined || !(problem === undefined || problem.isSettled)
  return { usd: isCut ? BigDecimal.max(usd, maxCostUsd) : usd, run, isCut }
}

/** Answers a call. Never fails: an agent reads failures as results. */
export const answer = (shared: Shared, tool: PreparedTool, call: Call): Effect.Effect<CallToolResult> => {
  const log = (problem: ToolFailure) => {
    const { cause } = problem
    const why = cause instanceof Error
      ? `: ${cause.name}: ${cause.message}`
      : cause === undefined
      ? ""
      : `: ${String(cause)}`
    shared.log(`${tool.name}: ${told(problem)}${why}`)
  }
  const run = Effect.gen(function*() {
    const key = yield* keyOf(tool, call, yield* Budget.today)
    const tools = tool.config.uses === undefined ? undefined : yield* shared.toolsOf(tool.config.uses)
    const settle = yield* shared.budget.reserve(tool.maxCostUsd, key)
    const seen = new Seen(call.progress)
    const ended = yield* Effect.either(followed(tool, call, key, tools, seen))
    const problem = Either.isLeft(ended) ? ended.left : undefined
    const executionId = seen.executionId ?? problem?.executionId
    const costUsd = executionId === undefined ? undefined : yield* costOf(tool, executionId)
    // a result that was paid is not lost when the budget cannot be written
    yield* Effect.catchTag(
      settle(spentBy(tool, problem, executionId, costUsd)),
      "ToolFailure",
      (failure) => Effect.sync(() => log(failure))
    )
    if (problem === undefined) return yield* resultOf(tool, seen.completed?.result, executionId, costUsd)
    log(problem)
    return failed({ ...problem, message: problem.message, executionId }, costUsd)
  })
  return Effect.catchTag(shared.turns.take(run), "ToolFailure", (problem) =>
    Effect.sync(() => {
      log(problem)
      return failed(problem)
    }))
}
