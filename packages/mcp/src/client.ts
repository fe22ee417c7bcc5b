/**
 * Tools of an MCP server as tools of a flow.
 *
 * @since 0.1.0
 */
import type { ToolCall, ToolHandler } from "@effect-noukai/promise"
import { nameOf } from "./internal/names.js"
import { McpConfigError } from "./McpConfigError.js"

/**
 * A connected client of MCP: the `Client` of `@modelcontextprotocol/client`, or of another library with these methods.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpToolClient {
  listTools(): Promise<{
    readonly tools: ReadonlyArray<{
      readonly name: string
      readonly description?: string | undefined
      readonly inputSchema: object
    }>
  }>
  callTool(
    call: { name: string; arguments: { [name: string]: unknown } },
    options: { signal: AbortSignal }
  ): Promise<McpToolResult>
}

/**
 * The result of a tool.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpToolResult {
  readonly content: ReadonlyArray<{ readonly type: string; readonly text?: unknown }>
  readonly structuredContent?: unknown
  readonly isError?: boolean | undefined
}

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

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** The result as a model reads it. A failure is told to the model, which can do without the tool. */
const contentOf = ({ content, isError, structuredContent }: McpToolResult): unknown => {
  const texts = content.flatMap((part) => part.type === "text" ? [String(part.text)] : [])
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
export const mcpTools = async (client: McpToolClient, { allow }: McpToolsOptions): Promise<McpTools> => {
  if (!Array.isArray(allow) || allow.length === 0 || allow.some((name) => typeof name !== "string")) {
    throw new McpConfigError(["allow must be a list of tools with at least one: it has no default"])
  }
  const { tools: offered } = await client.listTools()
  const names = new Map<string, string>()
  const tools = [...new Set(allow)].map((name) => {
    const tool = offered.find((one) => one.name === name)
    const own = nameOf(name)
    const other = names.get(own)
    if (tool === undefined) {
      const all = offered.map((one) => one.name).join(", ")
      throw new McpConfigError([`the server has no tool ${JSON.stringify(name)}; it has ${all}`])
    }
    if (other !== undefined) {
      const both = `${JSON.stringify(other)} and ${JSON.stringify(name)}`
      throw new McpConfigError([`the tools ${both} would both be named ${own} for the flow: allow one of them`])
    }
    names.set(own, name)
    const { description, inputSchema } = tool
    const described = description === undefined ? {} : { description }
    return { type: "function", function: { name: own, ...described, parameters: inputSchema } }
  })

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
    tools,
    toolHandler: (calls, { signal }) =>
      Promise.all(calls.map(async (call) => ({ tool_call_id: call.id, content: await answered(call, signal) })))
  }
}
