/**
 * Tools that a flow may call while it runs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InvalidRequestError, type ToolCallLimitError } from "./NoukaiError.js"

/**
 * A JSON value.
 *
 * @since 0.1.0
 * @category models
 */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/**
 * A tool call. `arguments` is JSON text.
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
 * The answer to a tool call.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolResult {
  readonly toolCallId: string
  readonly content: string | Json
}

/**
 * A tool in OpenAI's function format. It has no handler, so the run pauses at its calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolDeclaration {
  readonly type: "function"
  readonly function: {
    readonly name: string
    readonly description?: string | undefined
    readonly parameters?: { readonly [key: string]: unknown } | undefined
  }
}

/**
 * The choice of a tool by the model.
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
 * The identity of {@link Tool} and {@link ToolSet}.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId = "~@effect-noukai/effect4/Tools" as const

/**
 * A tool that answers its own calls. Its handler fails with `E` and needs `R`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tool<out E, out R> {
  readonly [TypeId]: "tool"
  readonly name: string
  readonly description: string | undefined
  readonly parameters: Schema.Codec<unknown, unknown>
  readonly handler: (parameters: never, call: ToolCall) => Effect.Effect<unknown, E, R>
}

/**
 * Tools that are answered by handlers.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolSet<out E, out R> {
  readonly [TypeId]: "set"
  /** @internal */
  readonly tools: ReadonlyArray<Tool<E, R>>
  /** @internal */
  readonly declarations: ReadonlyArray<ToolDeclaration>
  /** @internal */
  readonly handler: ((calls: ReadonlyArray<ToolCall>) => Effect.Effect<ReadonlyArray<ToolResult>, E, R>) | undefined
}

/**
 * The option `tools` of a run: declarations, at whose calls it pauses, or tools that answer their own calls.
 *
 * @since 0.1.0
 * @category models
 */
export type Tools = ReadonlyArray<ToolDeclaration> | ReadonlyArray<Tool<unknown, unknown>> | ToolSet<unknown, unknown>

/**
 * `X` if a run with the tools `T` may pause.
 *
 * @since 0.1.0
 * @category models
 */
export type PauseOf<X, T> = T extends ReadonlyArray<ToolDeclaration> ? X : never

/**
 * The further failures of a run with the tools `T`.
 *
 * @since 0.1.0
 * @category models
 */
export type HandlerError<T> = T extends ReadonlyArray<Tool<infer E, infer _>> ? E | ToolCallLimitError
  : T extends ToolSet<infer E, infer _> ? E | ToolCallLimitError
  : never

/**
 * The services that the handlers of the tools `T` need.
 *
 * @since 0.1.0
 * @category models
 */
export type HandlerContext<T> = T extends ReadonlyArray<Tool<infer _, infer R>> ? R
  : T extends ToolSet<infer _, infer R> ? R
  : never

/**
 * The options of {@link tool}.
 *
 * @since 0.1.0
 * @category options
 */
export interface ToolOptions<P, PI, S, SI, E, R> {
  /** 1 to 64 of `A-Z a-z 0-9 _ -`. */
  readonly name: string
  /** The description that the model reads. Default: none. */
  readonly description?: string | undefined
  /** The schema of an object whose fields are the arguments. The model reads the JSON Schema of its encoded side. */
  readonly parameters: Schema.Codec<P, PI>
  /** The schema that encodes what the handler returns. Default: it returns JSON. */
  readonly success?: Schema.Codec<S, SI> | undefined
  readonly handler: (parameters: P, call: ToolCall) => Effect.Effect<NoInfer<S>, E, R>
}

/**
 * Returns a tool that answers its own calls, up to `toolConcurrency` at a time. Wrong arguments go back to the model with
 * the reason. A failure of the handler is the failure of the call, or is reported to the model with
 * `onToolFailure: "report"`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tool = <P, PI, E = never, R = never, S = Json | void, SI = unknown>(
  options: ToolOptions<P, PI, S, SI, E, R>
): Tool<E | (unknown extends SI ? never : InvalidRequestError), R> => {
  const { description, handler, name, parameters, success } = options
  const method = "Tools.tool"
  const encoded = success === undefined ?
    handler :
    (args: P, call: ToolCall) =>
      Effect.flatMap(handler(args, call), (value) =>
        Effect.mapError(Schema.encodeEffect(success)(value), (cause) => {
          const field = `tools.${name}.success`
          const message = `${method}: invalid ${field}: ${cause.message}`
          return new InvalidRequestError({ method, isRetryable: false, field, reason: cause.message, message, cause })
        }))
  return { [TypeId]: "tool", name, description, parameters, handler: encoded } as Tool<
    E | (unknown extends SI ? never : InvalidRequestError),
    R
  >
}

/**
 * Returns tools as one value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const T extends ReadonlyArray<Tool<unknown, unknown>>>(
  ...tools: T
): ToolSet<
  T[number] extends Tool<infer E, infer _> ? E : never,
  T[number] extends Tool<infer _, infer R> ? R : never
> => ({ [TypeId]: "set", tools, declarations: [], handler: undefined }) as never

/**
 * Returns declarations with one handler, which answers all calls of a round.
 *
 * @since 0.1.0
 * @category constructors
 */
export const handle = <E, R>(
  declarations: ReadonlyArray<ToolDeclaration>,
  handler: (calls: ReadonlyArray<ToolCall>) => Effect.Effect<ReadonlyArray<ToolResult>, E, R>
): ToolSet<E, R> => ({ [TypeId]: "set", tools: [], declarations, handler })
