/** `@effect/ai` toolkits, taken by shape: their tools as declarations, their `handle` as handlers. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as AST from "effect/SchemaAST"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { isHandled, type ToolkitLike, type ToolSet, TypeId } from "../../Tools.js"
import { invalid } from "../core/makeError.js"
import { toolSpans } from "../telemetry/spans.js"
import {
  answered,
  declare,
  failed,
  faulty,
  parseArguments,
  type RoundSettings,
  type ToolCall,
  type ToolDeclaration,
  type ToolOutcome,
  unknownTool
} from "./tool.js"

/** Declarations by hand, or with their handlers. */
export type RunTools<E = unknown, R = unknown> = ReadonlyArray<ToolDeclaration> | ToolSet<E, R>

/** A toolkit with its handlers, or the effect that provides one. */
export type Toolkit<E, R> = ToolkitLike<E, R> | Effect.Effect<ToolkitLike<E, R>, E, R>

/** The input `tools`; `E` and `R` are those of its handlers. */
export type ToolsOption<E, R> = RunTools<E, R> | Toolkit<E, R>

/** Whether `tools` must still be turned into declarations and handlers by `resolve`. */
export const isUnresolved = <E, R>(tools: ToolsOption<E, R> | undefined): tools is Toolkit<E, R> =>
  tools !== undefined && !Array.isArray(tools) && !isHandled(tools)

const isToolkit = <E, R>(u: ToolkitLike<E, R> | Effect.Effect<unknown, E, R>): u is ToolkitLike<E, R> =>
  Predicate.hasProperty(u, "tools") && Predicate.hasProperty(u, "handle") && typeof u.handle === "function"

type Handle<E, R> = (name: string, params: unknown) => Effect.Effect<
  { readonly isFailure: boolean; readonly encodedResult: unknown },
  E,
  R
>

const parametersOf = (tool: ToolkitLike<unknown, unknown>["tools"][string]): AST.AST | string =>
  Predicate.hasProperty(tool, "providerName") || !Predicate.hasProperty(tool, "parametersSchema")
    ? "it is run by a model provider, not by this program"
    : tool.parametersSchema.ast

/** Whether an error of the toolkit is the fault of the model's call, not of the handler. */
const isFault = (error: unknown): error is { readonly description?: unknown } =>
  Predicate.isTagged(error, "MalformedOutput")

/** Whether the handler's own value does not fit the tool's success schema. */
const isMisfit = (error: unknown): error is { readonly description?: unknown } =>
  Predicate.isTagged(error, "MalformedInput")

const misfit = (
  settings: RoundSettings,
  toolCall: ToolCall,
  error: { readonly description?: unknown }
): InvalidRequestError =>
  invalid(settings.method, `tools.${toolCall.name}.success`, String(error.description ?? "the value does not fit"))

const call = <E, R>(
  handle: Handle<E, R>,
  settings: RoundSettings,
  toolCall: ToolCall
): Effect.Effect<ToolOutcome, E | InvalidRequestError, R> => {
  const args = parseArguments(toolCall)
  if (typeof args === "string") return Effect.succeed(faulty(toolCall, "bad arguments", args))
  return handle(toolCall.name, args.value).pipe(
    Effect.map(({ encodedResult }) => answered(toolCall, encodedResult)),
    Effect.catchAll((error) =>
      isFault(error)
        ? Effect.succeed(faulty(toolCall, "bad arguments", String(error.description ?? "they do not fit")))
        : settings.onFailure === "report"
        ? Effect.succeed(failed(toolCall, error))
        : Effect.fail(isMisfit(error) ? misfit(settings, toolCall, error) : error)
    )
  )
}

const toHandled = <E, R>(toolkit: ToolkitLike<E, R>): ToolSet<E | InvalidRequestError, R> => {
  const declared = Object.values(toolkit.tools).map((tool) => ({
    name: tool.name,
    ...declare(tool, parametersOf(tool))
  }))
  const handle: Handle<E, R> = (name, params) => toolkit.handle(name as never, params as never)
  const names = new Set(declared.map(({ name }) => name))
  const refused = declared.find(({ problem }) => problem !== undefined)
  return {
    [TypeId]: TypeId,
    declarations: declared.map(({ declaration }) => declaration),
    problem: refused && { field: `tools.${refused.name}`, reason: `cannot be sent: ${refused.problem}` },
    run: (calls, settings) =>
      Effect.forEach(calls, (toolCall) =>
        toolSpans(
          [toolCall],
          names.has(toolCall.name)
            ? call(handle, settings, toolCall)
            : Effect.succeed(unknownTool(toolCall, names))
        ), { concurrency: settings.concurrency })
  }
}

/** The declarations with handlers of a toolkit, or of the effect that provides one. */
export const resolve = <E, R>(
  method: string,
  tools: Toolkit<E, R>
): Effect.Effect<ToolSet<E | InvalidRequestError, R>, E | InvalidRequestError, R> => {
  const wrong = invalid(
    method,
    "tools",
    "must be an array of tools, made by the Tools module, or an @effect/ai toolkit"
  )
  const handled = (toolkit: ToolkitLike<E, R> | Effect.Effect<unknown, E, R>) =>
    isToolkit(toolkit) ? Effect.try({ try: () => toHandled(toolkit), catch: () => wrong }) : Effect.fail(wrong)
  return !isToolkit(tools) && Effect.isEffect(tools) ? Effect.flatMap(tools, handled) : handled(tools)
}
