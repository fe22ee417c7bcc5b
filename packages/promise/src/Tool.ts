/**
 * Tools that a flow may call while it runs (contract 6).
 *
 * @since 0.1.0
 */

/**
 * A call that the flow asks for. `function.arguments` is JSON text.
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
 * What a tool handler is given beside the calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolHandlerContext {
  /** Aborted when the call is: hand it to whatever the handler waits for. */
  readonly signal: AbortSignal
}

/**
 * Answers the calls of one round: one result per call, `{ tool_call_id, content }`. `toolCallId` and `output` are
 * accepted as other names; content that is not a string is sent as JSON text. What it throws, the call rejects with.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolHandler = (
  toolCalls: ToolCall[],
  context: ToolHandlerContext
) => Record<string, unknown>[] | Promise<Record<string, unknown>[]>
