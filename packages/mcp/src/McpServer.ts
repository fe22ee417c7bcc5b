/**
 * Flows as tools of MCP.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import { VERSION } from "@effect-noukai/promise/Version"
import {
  type CallToolResult,
  type McpRequestContext,
  McpServer,
  type ServerContext
} from "@modelcontextprotocol/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { join } from "node:path"
import * as Budget from "./internal/budget.js"
import { answer, failed, type Shared } from "./internal/call.js"
import { failure } from "./internal/failure.js"
import { budgetOf, durationOf, prepare, type PreparedTool } from "./internal/prepared.js"
import * as Servers from "./internal/servers.js"
import * as State from "./internal/state.js"
import * as Turns from "./internal/turns.js"
import type { McpConfig } from "./McpConfig.js"

/**
 * The options of {@link mcpServer}.
 *
 * @since 0.1.0
 * @category options
 */
export interface McpServerOptions {
  /**
   * The files of `budgetUsd` begin with this path. Servers with the same path share a budget. Default: a path in the
   * state folder of the user, which depends on the config.
   */
  readonly budgetPath?: string | undefined
  /** Called with one line for each failure: its details, which agents are not told. Default: nothing is done. */
  readonly log?: ((text: string) => void) | undefined
}

/**
 * A factory for `serveStdio` and `createMcpHandler` of `@modelcontextprotocol/server`. All its servers share the turns
 * and the budget.
 *
 * @since 0.1.0
 * @category models
 */
export interface NoukaiMcpServer {
  (context: McpRequestContext): McpServer
  /** The tools as an agent sees them. */
  readonly tools: ReadonlyArray<{ readonly [field: string]: unknown }>
  /** Stops all runs, and the servers of their tools. Later calls are refused. */
  readonly close: () => Promise<void>
}

const budgetAt = (path: string | undefined, config: McpConfig): Budget.Budget => {
  const limit = budgetOf(config)
  if (limit === undefined) return Budget.none
  if (path !== undefined) return Budget.make(path, limit)
  const place = Effect.mapBoth(State.folder, {
    onFailure: (cause) => failure("BUDGET_UNKNOWN", "there is no state folder; nothing was started", { cause }),
    onSuccess: (folder) => join(folder, `budget-${State.hashed(JSON.stringify(config))}`)
  })
  return { reserve: (usd) => Effect.flatMap(place, (path) => Budget.make(path, limit).reserve(usd)) }
}

/** The tool as an agent sees it. Each call is paid, so no two are one. */
const toolOf = ({ config, inputSchema, name }: PreparedTool) => ({
  name,
  ...config.title === undefined ? {} : { title: config.title },
  description: config.description,
  inputSchema,
  ...config.result === undefined ? {} : { outputSchema: config.result },
  annotations: {
    ...config.readOnly === undefined ? {} : { readOnlyHint: config.readOnly },
    idempotentHint: config.once !== undefined,
    openWorldHint: true
  }
})

/**
 * Returns flows as MCP tools, for agents. Each call may cost up to `maxCostUsd` of its tool, and the cost of one step
 * more. Put `createMcpHandler` behind your own login: its callers spend your credits.
 *
 * Throws an `McpConfigError` with all mistakes of the config. Sends nothing before a call.
 *
 * @example
 * ```ts
 * import { mcpServer } from "@effect-noukai/mcp"
 * import { Noukai } from "@effect-noukai/promise"
 * import { createMcpHandler } from "@modelcontextprotocol/server"
 *
 * const server = mcpServer(new Noukai(), {
 *   tools: {
 *     grade: {
 *       flow: "acme/spelling/grade-3",
 *       description: "Grades a sentence",
 *       maxCostUsd: "0.02",
 *       timeout: "5 minutes"
 *     }
 *   },
 *   budgetUsd: "5.00"
 * })
 * export const handler = createMcpHandler(server)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const mcpServer = (noukai: Noukai, config: McpConfig, options: McpServerOptions = {}): NoukaiMcpServer => {
  const { config: checked, tools } = prepare(noukai, config)
  const closing = new AbortController()
  const servers = Servers.make(checked.servers ?? {})
  const calls = new Set<Promise<unknown>>()
  const shared: Shared = {
    turns: Turns.make(checked.concurrency ?? 1, durationOf(checked.wait ?? "30 seconds")),
    budget: budgetAt(options.budgetPath, checked),
    toolsOf: servers.toolsOf,
    log: options.log ?? (() => {})
  }

  const called = async (
    tool: PreparedTool,
    caller: string | undefined,
    given: unknown,
    { mcpReq: { _meta: meta, notify, signal } }: ServerContext
  ): Promise<CallToolResult> => {
    const token = meta?.progressToken
    const effect = answer(shared, tool, {
      arguments: Object.fromEntries(Object.entries(given ?? {})),
      key: meta?.["xyz.noukai/key"],
      caller,
      progress: token === undefined
        ? undefined
        : (progress, total, message) => {
          const params = { progressToken: token, progress, message, ...total === undefined ? {} : { total } }
          // an agent that is gone does not read it
          notify({ method: "notifications/progress", params }).catch(() => {})
        }
    })
    const exit = await Effect.runPromiseExit(effect, { signal: AbortSignal.any([signal, closing.signal]) })
    if (Exit.isSuccess(exit)) return exit.value
    if (Cause.isInterruptedOnly(exit.cause)) {
      return failed({ code: "CANCELLED", message: "the call was cancelled, and its run stopped" })
    }
    shared.log(`${tool.name}: ${Cause.pretty(exit.cause)}`)
    return failed({ code: "INTERNAL", message: "the call failed; the log has the reason" })
  }

  const create = (context: McpRequestContext): McpServer => {
    const { authInfo, requestInfo } = context
    // over HTTP, only a login tells callers apart
    const caller = authInfo?.clientId ?? (requestInfo === undefined ? State.localCaller() : undefined)
    const server = new McpServer({ name: "noukai", version: VERSION }, { capabilities: { tools: {} } })
    for (const tool of tools) {
      const { input, result } = tool
      const { inputSchema: _, name, outputSchema: __, ...shown } = toolOf(tool)
      server.registerTool(
        name,
        { ...shown, inputSchema: input, ...result === undefined ? {} : { outputSchema: result } },
        (given, serverContext) => {
          const call = called(tool, caller, given, serverContext)
          calls.add(call)
          return call.finally(() => calls.delete(call))
        }
      )
    }
    return server
  }
  const close = async () => {
    closing.abort()
    await Promise.allSettled(calls)
    await servers.close()
  }
  return Object.assign(create, { close, tools: tools.map(toolOf) })
}
