/** The vocabulary of tools: declarations, calls, results. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

/**
 * Any JSON value.
 *
 * @since 0.1.0
 * @category models
 */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/**
 * A tool in its form on the wire: OpenAI's function format. At most 64 of them; names are 1 to 64 of `A-Z a-z 0-9 _ -`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolDeclaration {
  readonly type: "function"
  readonly function: {
    readonly name: string
    readonly description?: string | undefined
    /** A JSON Schema. */
    readonly parameters?: { readonly [key: string]: unknown } | undefined
  }
}

/**
 * The tools that the model may or must call.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolChoice =
  | "auto"
  | "none"
  | "required"
  | { readonly type: "function"; readonly function: { readonly name: string } }

/**
 * A call of a tool by the model. `arguments` is JSON text.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  /** The call as the server sent it, unknown keys included, without the key. Not enumerable, and not in a stored state. */
  readonly raw?: unknown
}

/**
 * The result of one call. Content that is not a string is sent as JSON text.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolResult {
  readonly toolCallId: string
  readonly content: string | Json
}

/**
 * The settings of a round, from `toolConcurrency` and `onToolFailure` of the run.
 *
 * @since 0.1.0
 * @category models
 */
export interface RoundSettings {
  readonly method: string
  readonly concurrency: number
  readonly onFailure: "fail" | "report"
}

/**
 * The result of one call, with its fault: a call that never reached a handler because the model named an unknown tool
 * or gave arguments that do not fit.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolOutcome extends ToolResult {
  readonly fault?: "unknown tool" | "bad arguments" | undefined
}

/**
 * One typed tool; made by `Tools.tool`, gathered by `Tools.make`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tool<out E, out R> {
  readonly name: string
  readonly description: string | undefined
  readonly parameters: Schema.Schema.AnyNoContext
  readonly success: Schema.Schema.AnyNoContext | undefined
  readonly handler: (parameters: never, call: ToolCall) => Effect.Effect<unknown, E, R>
}
