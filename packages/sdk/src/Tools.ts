/**
 * Tools that a flow may call while it runs (contract 6). `tools` is one value: declarations by hand (the run pauses and
 * hands the calls over), or declarations with a handler (the loop runs by itself).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { ToolCallLimitError } from "./NoukaiError.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/sdk/Tools")

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Anything that JSON can say.
 *
 * @since 0.1.0
 * @category models
 */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/**
 * A tool as the wire has it: OpenAI's function format. At most 64 of them; names are 1 to 64 of `A-Z a-z 0-9 _ -`.
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
 * Which tools the model may or must call.
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
 * A call that the model asks for. `arguments` is JSON text.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/**
 * The answer to one call. Content that is not a string is sent as JSON text.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolResult {
  readonly toolCallId: string
  readonly content: string | Json
}

/**
 * Answers all calls of one round.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler<E, R> = (calls: ReadonlyArray<ToolCall>) => Effect.Effect<ReadonlyArray<ToolResult>, E, R>

/**
 * How the calls of one round are answered; from `toolConcurrency` and `onToolFailure` of the run.
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
 * The answer to one call as the loop sees it. `fault` marks calls that never reached a handler because the model named
 * an unknown tool or gave arguments that do not fit.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolOutcome extends ToolResult {
  readonly fault?: "unknown tool" | "bad arguments" | undefined
}

/**
 * Declarations together with what answers them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handled<out E, out R> {
  readonly [TypeId]: TypeId
  readonly declarations: ReadonlyArray<ToolDeclaration>
  readonly run: (
    calls: ReadonlyArray<ToolCall>,
    settings: RoundSettings
  ) => Effect.Effect<ReadonlyArray<ToolOutcome>, E, R>
}

/**
 * What `tools` takes.
 *
 * @since 0.1.0
 * @category models
 */
export type Tools = ReadonlyArray<ToolDeclaration> | Handled<any, any>

/**
 * What a run with these tools may pause with: nothing if a handler answers.
 *
 * @since 0.1.0
 * @category models
 */
export type Paused<X, T> = T extends ReadonlyArray<ToolDeclaration> ? X : never

/**
 * What the handler of these tools adds to the errors of a run.
 *
 * @since 0.1.0
 * @category models
 */
export type HandlerError<T> = T extends Handled<infer E, any> ? E | ToolCallLimitError : never

/**
 * What the handler of these tools needs.
 *
 * @since 0.1.0
 * @category models
 */
export type HandlerContext<T> = T extends Handled<any, infer R> ? R : never

/** What the model is told about a failure of ours: the message alone, no stack. */
const failed = (call: ToolCall, error: unknown): ToolOutcome => ({
  toolCallId: call.id,
  content: { error: error instanceof Error ? error.message : typeof error === "string" ? error : "the tool failed" }
})

/**
 * Declarations with one handler for all of them. It is called once per round, with every call of that round.
 *
 * @since 0.1.0
 * @category constructors
 */
export const handle = <E, R>(
  declarations: ReadonlyArray<ToolDeclaration>,
  handler: Handler<E, R>
): Handled<E, R> => ({
  [TypeId]: TypeId,
  declarations,
  run: (calls, settings) =>
    settings.onFailure === "fail"
      ? handler(calls)
      : Effect.catchAll(handler(calls), (error) => Effect.succeed(calls.map((call) => failed(call, error))))
})

/**
 * @since 0.1.0
 * @category guards
 */
export const isHandled = (u: unknown): u is Handled<any, any> => Predicate.hasProperty(u, TypeId)
