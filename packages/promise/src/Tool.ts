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
 * The context that a tool handler is given beside the calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolHandlerContext {
  /** Aborted together with the call; pass it to whatever the handler waits for. */
  readonly signal: AbortSignal
}

/**
 * Answers the calls of one round with one result per call, `{ tool_call_id, content }`. `toolCallId` and `output` are
 * accepted as other names, and content that is not a string is sent as JSON text. The call rejects with whatever the
 * handler throws.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolHandler = (
  toolCalls: ToolCall[],
  context: ToolHandlerContext
) => Record<string, unknown>[] | Promise<Record<string, unknown>[]>
