/**
 * Tools of an MCP server as tools of a flow.
 *
 * @since 0.1.0
 */
import type { ToolCall, ToolHandler } from "@effect-noukai/promise"
import type { CallToolResult, Client } from "@modelcontextprotocol/client"
import { McpConfigError } from "./McpConfigError.js"

/**
 * The options of {@link mcpTools}.
 *
 * @since 0.1.0
 * @category options
 */
export interface McpToolsOptions {
  /** The tools that the flow may call, by their names at the server. There is no default: a model would call all. */
  readonly allow: ReadonlyArray<string>
}

/**
 * Options for `execute` and `events` of a flow.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpTools {
  readonly tools: ReadonlyArray<Record<string, unknown>>
  readonly toolHandler: ToolHandler
}

/** The name that a flow knows: MCP allows dots, Noukai does not. */
const nameOf = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** The result as a model reads it. A failure is told to the model, which can do without the tool. */
const contentOf = ({ content, isError, structuredContent }: CallToolResult): unknown => {
  const texts = content.flatMap((part) => part.type === "text" ? [part.text] : [])
  const value = structuredContent ?? (texts.length === content.length ? texts.join("\n") : content)
  return isError === true ? { error: value } : value
}

const argumentsOf = ({ function: { arguments: text } }: ToolCall): { [name: string]: unknown } => {
  const value: unknown = text.trim() === "" ? {} : JSON.parse(text)
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("the arguments must be an object")
  }
  return Object.fromEntries(Object.entries(value))
}

const refuseDoubles = (names: ReadonlyArray<readonly [own: string, name: string]>): void => {
  for (const [index, [own, name]] of names.entries()) {
    const other = names.slice(0, index).find(([before]) => before === own)
    if (other !== undefined) {
      throw new McpConfigError([
        `the tools ${JSON.stringify(other[1])} and ${
          JSON.stringify(name)
        } would both be named ${own} for the flow: allow one of them`
      ])
    }
  }
}

/**
 * Returns tools of a connected client for a flow. The flow sees the names with `_` in place of each character that names
 * of tools of a flow cannot have, such as a dot.
 *
 * A failure of a tool or of the server is told to the flow's model as `{ error }`. The run goes on.
 *
 * Rejects with an `McpConfigError` without `allow`, for a tool that the server does not have, and for two names that
 * become one.
 *
 * @example
 * ```ts
 * import { mcpTools } from "@effect-noukai/mcp/client"
 * import type { Noukai } from "@effect-noukai/promise"
 * import type { Client } from "@modelcontextprotocol/client"
 *
 * const triage = async (noukai: Noukai, weather: Client, message: string) =>
 *   await noukai.flow("acme/support/triage").execute({
 *     message,
 *     ...await mcpTools(weather, { allow: ["get_weather"] })
 *   })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const mcpTools = async (client: Client, { allow }: McpToolsOptions): Promise<McpTools> => {
  if (!Array.isArray(allow) || allow.length === 0 || allow.some((name) => typeof name !== "string")) {
    throw new McpConfigError(["allow must be a list of tools with at least one: it has no default"])
  }
  const { tools: offered } = await client.listTools()
  const chosen = [...new Set(allow)].map((name) => {
    const tool = offered.find((one) => one.name === name)
    if (tool === undefined) {
      throw new McpConfigError([
        `the server has no tool ${JSON.stringify(name)}; it has ${offered.map((one) => one.name).join(", ")}`
      ])
    }
    return [nameOf(name), tool] as const
  })
  refuseDoubles(chosen.map(([own, { name }]) => [own, name]))
  const names = new Map(chosen.map(([own, { name }]) => [own, name]))

  const answered = async (call: ToolCall, signal: AbortSignal): Promise<unknown> => {
    const name = names.get(call.function.name)
    if (name === undefined) return { error: `there is no tool ${call.function.name}` }
    try {
      return contentOf(await client.callTool({ name, arguments: argumentsOf(call) }, { signal }))
    } catch (error) {
      signal.throwIfAborted()
      return { error: messageOf(error) }
    }
  }
  return {
    tools: chosen.map(([own, { description, inputSchema }]) => ({
      type: "function",
      function: { name: own, ...description === undefined ? {} : { description }, parameters: inputSchema }
    })),
    toolHandler: (calls, { signal }) =>
      Promise.all(calls.map(async (call) => ({ tool_call_id: call.id, content: await answered(call, signal) })))
  }
}
