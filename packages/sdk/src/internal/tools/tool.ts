/** The vocabulary of tools: declarations, calls, results. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

/** Any JSON value. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/**
 * A tool in its form on the wire: OpenAI's function format. At most 64 of them; names are 1 to 64 of `A-Z a-z 0-9 _ -`.
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

/** The tools that the model may or must call. */
export type ToolChoice =
  | "auto"
  | "none"
  | "required"
  | { readonly type: "function"; readonly function: { readonly name: string } }

/** A call of a tool by the model. `arguments` is JSON text. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  /** The call as the server sent it, unknown keys included, without the key. Not enumerable, and not in a stored state. */
  readonly raw?: unknown
}

/** The result of one call. Content that is not a string is sent as JSON text. */
export interface ToolResult {
  readonly toolCallId: string
  readonly content: string | Json
}

/** The settings of a round, from `toolConcurrency` and `onToolFailure` of the run. */
export interface RoundSettings {
  readonly method: string
  readonly concurrency: number
  readonly onFailure: "fail" | "report"
}

/**
 * The result of one call, with its fault: a call that never reached a handler because the model named an unknown tool
 * or gave arguments that do not fit.
 */
export interface ToolOutcome extends ToolResult {
  readonly fault?: "unknown tool" | "bad arguments" | undefined
}

/** One typed tool; made by `Tools.tool`, gathered by `Tools.make`. */
export interface Tool<out E, out R> {
  readonly name: string
  readonly description: string | undefined
  readonly parameters: Schema.Schema.AnyNoContext
  readonly success: Schema.Schema.AnyNoContext | undefined
  readonly handler: (parameters: never, call: ToolCall) => Effect.Effect<unknown, E, R>
}
