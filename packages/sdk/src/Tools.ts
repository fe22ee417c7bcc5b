/**
 * Tools that a flow may call while it runs. `tools` is one value: declarations by hand (the run pauses and hands the
 * calls over), or declarations with a handler (every pause is answered).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import { problem } from "./internal/core/makeError.js"
import { unreadable } from "./internal/kit/names.js"
import { withoutDigits } from "./internal/kit/plainJson.js"
import * as Tool from "./internal/run/tool.js"
import { toolSpans } from "./internal/telemetry/spans.js"
import type { InvalidRequestError, ToolCallLimitError } from "./NoukaiError.js"

export type {
  Json,
  Tool,
  ToolCall,
  ToolChoice,
  ToolDeclaration,
  ToolOutcome,
  ToolResult,
  ToolSet
} from "./internal/run/tool.js"
export { isHandled, TypeId } from "./internal/run/tool.js"

/**
 * Answers all calls of one round.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler<E, R> = (calls: ReadonlyArray<Tool.ToolCall>) => Effect.Effect<ReadonlyArray<Tool.ToolResult>, E, R>

/**
 * The tools of a run: declarations by hand (the run may pause), or those of `Tools.handle`, `Tools.make` and
 * `Tools.fromToolkit`.
 *
 * @since 0.1.0
 * @category models
 */
export type Tools =
  | ReadonlyArray<Tool.ToolDeclaration>
  | Tool.ToolSet<unknown, unknown>

/**
 * The pause of a run with these tools: `never` unless they are declared by hand.
 *
 * @since 0.1.0
 * @category models
 */
export type PauseOf<X, T> = T extends ReadonlyArray<Tool.ToolDeclaration> ? X : never

/**
 * The errors that the handler of these tools adds to those of a run.
 *
 * @since 0.1.0
 * @category models
 */
export type HandlerError<T> = [T] extends [undefined] ? never
  : T extends ReadonlyArray<unknown> | undefined ? never
  : ToolsError<T> | ToolCallLimitError

/**
 * The errors of the handlers themselves.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolsError<T> = T extends Tool.ToolSet<infer E, infer _> ? E : never

/**
 * The requirements of the handler of these tools.
 *
 * @since 0.1.0
 * @category models
 */
export type HandlerContext<T> = T extends Tool.ToolSet<infer _, infer R> ? R : never

/**
 * The errors of tools gathered by `Tools.make`.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolErrors<T extends ReadonlyArray<unknown>> = T[number] extends Tool.Tool<infer E, infer _> ? E : never

/**
 * The requirements of tools gathered by `Tools.make`.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolContexts<T extends ReadonlyArray<unknown>> = T[number] extends Tool.Tool<infer _, infer R> ? R : never

/**
 * The options of a typed tool.
 *
 * @since 0.1.0
 * @category options
 */
export interface ToolOptions<P, PI, E, R, S = Tool.Json | void, SI = unknown> {
  /** The name of the tool: 1 to 64 of `A-Z a-z 0-9 _ -`. */
  readonly name: string
  /** The description that the model reads. Default: none. */
  readonly description?: string | undefined
  /** The schema of an object whose fields are the arguments of the tool. */
  readonly parameters: Schema.Schema<P, PI>
  /** Encodes the result of the handler. Default: the result is sent as it is; `undefined` is sent as `null`. */
  readonly success?: Schema.Schema<S, SI> | undefined
  /** Answers one call. */
  readonly handler: (parameters: P, call: Tool.ToolCall) => Effect.Effect<NoInfer<S>, E, R>
}

/**
 * Declarations with one handler for all of them. It is called once per round, with every call of that round, and must
 * answer each exactly once.
 *
 * @example
 * ```ts
 * import { Tools } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const tools = Tools.handle(
 *   [{ type: "function", function: { name: "now", description: "The time" } }],
 *   (calls) => Effect.succeed(calls.map((call) => ({ toolCallId: call.id, content: "12:00" })))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const handle = <E, R>(
  declarations: ReadonlyArray<Tool.ToolDeclaration>,
  handler: Handler<E, R>
): Tool.ToolSet<E, R> => ({
  [Tool.TypeId]: Tool.TypeId,
  declarations,
  problem: typeof handler === "function" ? undefined : problem("tools", "have no handler that is a function"),
  run: (calls, settings) => {
    const results = settings.onFailure === "fail"
      ? handler(calls)
      : Effect.catchAll(handler(calls), (error) => Effect.succeed(calls.map((call) => Tool.failed(call, error))))
    return toolSpans(
      { calls, declarations, payloads: settings.payloads },
      Effect.flatMap(results, (results) => Tool.allSendable(calls, settings, results))
    )
  }
})

/**
 * A tool from schemas. The JSON Schema on the wire is derived from `parameters`; arguments are decoded before the
 * handler sees them, and its result is encoded through `success` where that is given. Bad arguments go back to the
 * model as a tool error with the reason.
 *
 * @example
 * ```ts
 * import { Tools } from "@effect-noukai/sdk"
 * import { Effect, Schema } from "effect"
 *
 * const weather = Tools.tool({
 *   name: "get_weather",
 *   description: "The weather of a city",
 *   parameters: Schema.Struct({ city: Schema.String }),
 *   handler: ({ city }) => Effect.succeed(`18 °C in ${city}`)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const tool = <P, PI, E, R, S = Tool.Json | void, SI = unknown>(
  options: ToolOptions<P, PI, E, R, S, SI>
): Tool.Tool<E, R> => options

/**
 * Gathers tools. Each runs by itself, `toolConcurrency` at a time; three rounds in a row in which the model calls one
 * of them wrongly end the run with a `ToolCallLimitError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <T extends ReadonlyArray<Tool.Tool<unknown, unknown>>>(...tools: T): Tool.ToolSet<
  ToolErrors<T> | InvalidRequestError,
  ToolContexts<T>
> => Tool.gather((tools as ReadonlyArray<Tool.Tool<ToolErrors<T>, ToolContexts<T>>>).map(Tool.typedTool))

/**
 * The part of an `@effect/ai` `Toolkit.WithHandler` that is used: it is taken by its shape, so that its package is not
 * needed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Toolkit<out E, out R> {
  readonly tools: {
    readonly [name: string]: {
      readonly name: string
      readonly description?: string | undefined
      readonly parametersSchema: { readonly ast: AST.AST }
    }
  }
  readonly handle: (name: never, params: never) => Effect.Effect<
    { readonly isFailure: boolean; readonly encodedResult: unknown },
    E,
    R
  >
}

/** Whether an error of a toolkit is the fault of the model's call, not of the handler. */
const isFault = (error: unknown): error is { readonly description?: unknown } =>
  Predicate.isTagged(error, "MalformedOutput")

/** Whether the handler's own value does not fit the tool's success schema. */
const isMisfit = (error: unknown): error is { readonly description?: unknown } =>
  Predicate.isTagged(error, "MalformedInput")

const ofToolkit = <E, R>(
  { handle }: Toolkit<E, R>,
  tool: Toolkit<E, R>["tools"][string]
): Tool.AnsweringTool<E | InvalidRequestError, R> => {
  const { name } = tool
  const parameters = Predicate.hasProperty(tool, "providerName") || !Predicate.hasProperty(tool, "parametersSchema")
    ? "it is run by a model provider, not by this program"
    : tool.parametersSchema.ast
  return {
    ...Tool.declare(tool, parameters, (reason) => problem(`tools.${name}`, `cannot be sent: ${reason}`)),
    answer: (args, call, { method, onFailure }) =>
      handle(name as never, withoutDigits(args) as never).pipe(
        Effect.map(({ encodedResult }) => Tool.answered(call, encodedResult)),
        Effect.catchAll((error) => {
          if (isFault(error)) {
            return Effect.succeed(Tool.faulty(call, "bad arguments", String(error.description ?? "they do not fit")))
          }
          return Effect.fail(
            isMisfit(error) && onFailure === "fail"
              ? Tool.misfit(method, name, String(error.description ?? "the value does not fit"))
              : error
          )
        })
      )
  }
}

/**
 * The tools of an `@effect/ai` toolkit with its handlers. Bad arguments go back to the model as a tool error. Tools that a
 * model provider runs are refused by the run, before anything is sent.
 *
 * @example
 * ```ts
 * import { type Tool, Toolkit } from "@effect/ai"
 * import { FlowService, Tools } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const answered = <T extends Record<string, Tool.Any>>(toolkit: Toolkit.Toolkit<T>) =>
 *   Effect.gen(function*() {
 *     const flows = yield* FlowService
 *     const tools = yield* Effect.map(toolkit, Tools.fromToolkit)
 *     return yield* flows.execute("acme/support/answer", { message: "Where is my order?", tools })
 *   })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromToolkit = <E, R>(toolkit: Toolkit<E, R>): Tool.ToolSet<E | InvalidRequestError, R> => {
  const wrong = (reason: string): Tool.ToolSet<never, never> => ({
    ...Tool.gather<never, never>([]),
    problem: problem("tools", reason)
  })
  try {
    return typeof toolkit.handle === "function"
      ? Tool.gather(Object.values(toolkit.tools).map((tool) => ofToolkit(toolkit, tool)))
      : wrong(
        "are not an @effect/ai toolkit with its handlers: provide them first, as in Effect.map(toolkit, Tools.fromToolkit)"
      )
  } catch {
    return wrong(unreadable)
  }
}
