/** One call of a tool: its turn, its budget, its run and its result. */
import type { EventsOnceOptions, StreamEvent } from "@effect-noukai/promise"
import type { CallToolResult } from "@modelcontextprotocol/server"
import * as BigDecimal from "effect/BigDecimal"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { McpTools } from "../client.js"
import * as Budget from "./budget.js"
import { ofError, ToolFailure } from "./failure.js"
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

/** How far a run is, as its events tell. */
interface Seen {
  executionId: string | undefined
  steps: number | undefined
  running: Set<string>
  completed: number
  progress: number
  result: unknown
  isCompleted: boolean
}

interface Outcome {
  readonly costUsd: string | undefined
  readonly executionId: string | undefined
  readonly result: Either.Either<unknown, ToolFailure>
}

const metaOf = ({ code, costUsd, executionId }: {
  readonly code?: string
  readonly costUsd?: string | undefined
  readonly executionId?: string | undefined
}) => ({
  ...executionId === undefined ? {} : { "xyz.noukai/executionId": executionId },
  ...costUsd === undefined ? {} : { "xyz.noukai/costUsd": costUsd },
  ...code === undefined ? {} : { "xyz.noukai/code": code }
})

const failed = (
  { code, executionId, message }: Pick<ToolFailure, "code" | "executionId" | "message">,
  costUsd?: string,
  ...more: ReadonlyArray<string>
): CallToolResult => ({
  content: [`${code}: ${message}${executionId === undefined ? "" : ` (run ${executionId})`}`, ...more].map((text) => ({
    type: "text",
    text
  })),
  isError: true,
  _meta: metaOf({ code, costUsd, executionId })
})

const textOf = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? "null"

/** Keys in a fixed order, so that equal arguments are equal texts. */
const canonical = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(canonical)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, canonical(v)]))
    : value

const wrongKey = (message: string) => new ToolFailure({ code: "INVALID_KEY", message, isFree: true })

/** The key of the run, if the call or its tool asks for one run. The id of a JSON-RPC request is never a key. */
const keyOf = Effect.fnUntraced(function*({ config, flow, name }: PreparedTool, call: Call, day: string) {
  const { caller, key } = call
  if (key === undefined && config.once === undefined) return undefined
  if (key !== undefined && (typeof key !== "string" || key === "")) {
    return yield* wrongKey("_meta[\"xyz.noukai/key\"] must be a text; nothing was started")
  }
  if (caller === undefined) {
    return yield* wrongKey("one run per key requires an authorised caller (authInfo); nothing was started")
  }
  const { org, project, slug } = flow
  const target = [caller, name, `${org}/${project}/${slug}`, String(config.version ?? "production")]
  return key !== undefined
    ? `mcp-${hashed("key", ...target, key)}`
    : `mcp-${hashed("arguments", ...target, JSON.stringify(canonical(call.arguments)), day)}`
})

/** Notes an event, and tells the agent of a step. Progress must grow. */
const note = (seen: Seen, event: StreamEvent, progress: Call["progress"]): Effect.Effect<void, ToolFailure> => {
  const told = (message: string) => {
    const now = 2 * seen.completed + seen.running.size
    if (progress === undefined || now <= seen.progress) return
    seen.progress = now
    const total = seen.steps === undefined ? undefined : 2 * seen.steps
    progress(now, total === undefined || total < now ? undefined : total, message)
  }
  switch (event.type) {
    case "run_started":
    case "flow_started":
      seen.executionId = event.executionId ?? event.runId
      seen.steps = event.stepCount
      return Effect.void
    case "step_started":
      seen.running.add(event.stepId)
      told(event.name ?? event.stepId)
      return Effect.void
    case "step_completed":
      seen.running.delete(event.stepId)
      seen.completed++
      told(event.name ?? event.stepId)
      return Effect.void
    case "tool_calls_required":
      return new ToolFailure({
        code: "UNKNOWN_TOOLS",
        message: `the flow waits for tools that this server does not have: ${
          event.toolCalls.map(({ function: { name } }) => name).join(", ")
        }`,
        executionId: event.executionId
      })
    case "step_error": {
      const { code, message } = event.error ?? {}
      return new ToolFailure({
        code: typeof code === "string" ? code : "FLOW_EXECUTION",
        message: `the step ${event.name ?? event.stepId} failed`,
        executionId: seen.executionId,
        cause: message
      })
    }
    case "flow_completed":
      seen.executionId = event.executionId ?? seen.executionId
      seen.result = event.result
      seen.isCompleted = true
      return Effect.void
    default:
      return Effect.void
  }
}

/** Runs the flow, or follows the run of the key. */
const followed = (tool: PreparedTool, call: Call, key: string | undefined, tools: McpTools | undefined, seen: Seen) => {
  const { config, flow, timeout } = tool
  const { message, ...parameters } = config.message === "none"
    ? { message: undefined, ...call.arguments }
    : call.arguments
  const options: EventsOnceOptions = {
    ...typeof message === "string" ? { message } : {},
    ...config.parameters === undefined ? {} : { parameters },
    ...tools,
    version: config.version,
    maxCostUsd: BigDecimal.format(tool.maxCostUsd)
  }
  const ofStream = (error: unknown) => ofError(error, seen.executionId)
  return Stream.suspend(() =>
    Stream.fromAsyncIterable(
      key === undefined
        ? flow.events(options)
        // a run whose process was killed goes on; its steps may take half of the time
        : flow.eventsOnce(key, {
          ...options,
          rerunFailed: true,
          takeOver: true,
          silence: Math.min(120_000, Math.ceil(Duration.toMillis(timeout) / 2))
        }),
      ofStream
    )
  ).pipe(
    Stream.runForEach((event) => note(seen, event, call.progress)),
    Effect.timeoutFail({
      duration: timeout,
      onTimeout: () =>
        new ToolFailure({
          code: "TIMEOUT",
          message: `the run took more than ${config.timeout} and was stopped`,
          executionId: seen.executionId
        })
    }),
    Effect.filterOrFail(
      () => seen.isCompleted,
      () => new ToolFailure({ code: "INCOMPLETE", message: "the run has no result", executionId: seen.executionId })
    ),
    Effect.map(() => seen.result)
  )
}

/** The longest read of a cost. */
const patience = 10_000

/** The cost of a run that has ended, if all of it is known. */
const costOf = ({ flow }: PreparedTool, executionId: string) =>
  Effect.tryPromise({
    try: (signal) => flow.run(executionId).cost({ signal, timeout: patience }),
    catch: (error) => ofError(error)
  }).pipe(
    Effect.map(({ costUsd, isKnown }) => isKnown ? costUsd : undefined),
    Effect.orElseSucceed(() => undefined)
  )

const run = Effect.fnUntraced(function*(shared: Shared, tool: PreparedTool, call: Call) {
  const key = yield* keyOf(tool, call, yield* Budget.today)
  const tools = tool.config.uses === undefined ? undefined : yield* shared.toolsOf(tool.config.uses)
  const settle = yield* shared.budget.reserve(tool.maxCostUsd)
  const seen: Seen = {
    executionId: undefined,
    steps: undefined,
    running: new Set(),
    completed: 0,
    progress: 0,
    result: undefined,
    isCompleted: false
  }
  const result = yield* Effect.either(followed(tool, call, key, tools, seen))
  const failure = Option.getOrUndefined(Either.getLeft(result))
  const executionId = seen.executionId ?? failure?.executionId
  // the step that was cut off may be billed later: the reserve stays
  const isOver = failure?.code !== "TIMEOUT" && failure?.code !== "UNKNOWN_TOOLS"
  const costUsd = executionId === undefined ? undefined : yield* costOf(tool, executionId)
  if (failure?.isFree === true) yield* settle({ usd: BigDecimal.unsafeFromNumber(0) })
  else if (costUsd !== undefined && isOver) {
    yield* settle({ usd: BigDecimal.unsafeFromString(costUsd), run: executionId })
  }
  return { costUsd, executionId, result } satisfies Outcome
})

/** The result for the agent. The SDK of MCP would lose a result that does not fit, so it is checked here. */
const resultOf = Effect.fnUntraced(function*(tool: PreparedTool, { costUsd, executionId, result }: Outcome) {
  if (Either.isLeft(result)) return failed(result.left, costUsd)
  const text = textOf(result.right)
  const content: CallToolResult["content"] = [{ type: "text", text }]
  const meta = metaOf({ costUsd, executionId })
  if (tool.result === undefined) return { content, _meta: meta } satisfies CallToolResult
  const { "~standard": { validate } } = tool.result
  const checked = yield* Effect.promise(async () => validate(result.right))
  if (checked.issues !== undefined) {
    const problem = checked.issues.map(({ message }) => message).join("; ")
    return failed(
      {
        code: "RESULT_MISMATCH",
        message: `the result does not fit the schema of the config (${problem}); it was paid, and follows`,
        executionId
      },
      costUsd,
      text
    )
  }
  // a value that fits has the type "object"
  return {
    content,
    structuredContent: result.right as { [name: string]: unknown },
    _meta: meta
  } satisfies CallToolResult
})

/** Answers a call. Never fails: an agent reads failures as results. */
export const answer = (shared: Shared, tool: PreparedTool, call: Call): Effect.Effect<CallToolResult> => {
  const told = (failure: ToolFailure) =>
    Effect.sync(() => {
      const { cause, code, executionId, message } = failure
      const why = cause instanceof Error
        ? `: ${cause.name}: ${cause.message}`
        : cause === undefined
        ? ""
        : `: ${String(cause)}`
      shared.log(`${tool.name}: ${code}: ${message}${executionId === undefined ? "" : ` (run ${executionId})`}${why}`)
    })
  return shared.turns.take(run(shared, tool, call)).pipe(
    Effect.tap(({ result }) => Either.isLeft(result) ? told(result.left) : Effect.void),
    Effect.flatMap((outcome) => resultOf(tool, outcome)),
    Effect.catchTag("ToolFailure", (failure) => Effect.as(told(failure), failed(failure)))
  )
}
