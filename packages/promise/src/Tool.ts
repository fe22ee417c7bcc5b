/**
 * Tools that a flow may call while it runs.
 *
 * @since 0.1.0
 */
import type { AnySchema, SchemaOutput } from "./Schemas.js"

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

/**
 * The second argument of `run` of a tool.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolContext extends ToolHandlerContext {
  /** The call as the model made it. */
  readonly toolCall: ToolCall
}

/**
 * The options of `defineTool`.
 *
 * @since 0.1.0
 * @category options
 */
export interface ToolOptions<S extends AnySchema> {
  /** 1 to 64 of `A-Z a-z 0-9 _ -`. */
  readonly name: string
  /** The description that the model reads. Default: none. */
  readonly description?: string | undefined
  /** The schema of an object whose fields are the arguments. Each call is checked before `run`. */
  readonly parameters: S
  /**
   * The JSON Schema of `parameters` that the model reads. Default: the library makes it, for Zod and ArkType through
   * `~standard.jsonSchema`, for Valibot after `toStandardJsonSchema`, for Effect through `JSONSchema`.
   */
  readonly jsonSchema?: Record<string, unknown> | undefined
  /**
   * Answers one call. A result that is not a string is sent as JSON text, and `undefined` as `null`. If it throws, the
   * call of the flow rejects with that error, so return failures that the model should read.
   */
  readonly run: (args: SchemaOutput<S>, context: ToolContext) => unknown
}
