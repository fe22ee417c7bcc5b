/**
 * Tools that a flow may call while it runs.
 *
 * @since 0.1.0
 */

/**
 * One tool call of a flow. `function.arguments` is JSON text.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolCall = {
  id: string
  type: "function"
  function: { name: string; arguments: string }
}

/**
 * The second argument of a tool handler.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolHandlerContext {
  /** Aborted with the call. Pass it to all requests of the handler. */
  readonly signal: AbortSignal
}

/**
 * Answers the calls of one round with one result per call, `{ tool_call_id, content }`. The names `toolCallId` and
 * `output` are accepted too. Content that is not a string is sent as JSON text. If the handler throws, the call rejects
 * with that error.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolHandler = (
  toolCalls: ToolCall[],
  context: ToolHandlerContext
) => Record<string, unknown>[] | Promise<Record<string, unknown>[]>
