/**
 * `@effect/ai` toolkits, taken by shape: their tools as declarations, their `handle` as what answers.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { toolSpans } from "../Telemetry.js"
import type { RoundSettings, ToolCall, ToolDeclaration, ToolOutcome } from "../Tool.js"
import { type Handled, isHandled, type ToolkitLike, type Tools, TypeId } from "../Tools.js"
import { invalid } from "./invalid.js"
import { ofParameters } from "./jsonSchema.js"
import { failed, faulty, parseArguments } from "./toolOutcome.js"

/** @internal */
export const isToolkit = (u: unknown): u is ToolkitLike<unknown, unknown> =>
  Predicate.hasProperty(u, "tools") && Predicate.hasProperty(u, "handle") && typeof u.handle === "function"

type AnyHandle = (name: string, params: unknown) => Effect.Effect<
  { readonly isFailure: boolean; readonly encodedResult: unknown },
  unknown,
  unknown
>

const declare = (
  tool: ToolkitLike<unknown, unknown>["tools"][string]
): { readonly declaration: ToolDeclaration; readonly problem: Handled<never, never>["problem"] } => {
  const providerDefined = Predicate.hasProperty(tool, "providerName") ||
    !Predicate.hasProperty(tool, "parametersSchema")
  const schema = providerDefined
    ? "it is run by a model provider, not by this program"
    : ofParameters(tool.parametersSchema.ast)
  return {
    declaration: {
      type: "function",
      function: {
        name: tool.name,
        ...(tool.description === undefined ? undefined : { description: tool.description }),
        ...(typeof schema === "string" ? undefined : { parameters: schema })
      }
    },
    problem: typeof schema === "string"
      ? { field: `tools.${tool.name}`, reason: `cannot be sent: ${schema}` }
      : undefined
  }
}

/** Errors of the toolkit that speak of the model's call, not of the handler. */
const isFault = (error: unknown): error is { readonly description?: unknown } =>
  Predicate.isTagged(error, "MalformedOutput")

const call = (
  handle: AnyHandle,
  settings: RoundSettings,
  toolCall: ToolCall
): Effect.Effect<ToolOutcome, unknown, unknown> => {
  const args = parseArguments(toolCall)
  if (typeof args === "string") return Effect.succeed(faulty(toolCall, "bad arguments", args))
  return handle(toolCall.name, args.value).pipe(
    Effect.map(({ encodedResult }): ToolOutcome => ({
      toolCallId: toolCall.id,
      content: (encodedResult ?? null) as ToolOutcome["content"]
    })),
    Effect.catchAll((error) =>
      isFault(error)
        ? Effect.succeed(faulty(toolCall, "bad arguments", String(error.description ?? "they do not fit")))
        : settings.onFailure === "report"
        ? Effect.succeed(failed(toolCall, error))
        : Effect.fail(error)
    )
  )
}

/** @internal */
export const toHandled = (toolkit: ToolkitLike<unknown, unknown>): Handled<unknown, unknown> => {
  const declared = Object.values(toolkit.tools).map(declare)
  const handle: AnyHandle = (name, params) => toolkit.handle(name as never, params as never)
  const names = new Set(Object.values(toolkit.tools).map((tool) => tool.name))
  return {
    [TypeId]: TypeId,
    declarations: declared.map(({ declaration }) => declaration),
    problem: declared.find(({ problem }) => problem !== undefined)?.problem,
    run: (calls, settings) =>
      Effect.forEach(calls, (toolCall) =>
        toolSpans(
          [toolCall],
          names.has(toolCall.name)
            ? call(handle, settings, toolCall)
            : Effect.succeed(
              faulty(
                toolCall,
                "unknown tool",
                `${JSON.stringify(toolCall.name)}; the tools are ${[...names].join(", ")}`
              )
            )
        ), { concurrency: settings.concurrency })
  }
}

/**
 * Whether `tools` still has to be turned into declarations and handlers by `resolve`.
 *
 * @internal
 */
export const isUnresolved = (tools: Tools | undefined): tools is Exclude<Tools, Resolved> =>
  tools !== undefined && !Array.isArray(tools) && !isHandled(tools)

/**
 * Declarations by hand, or with what answers them.
 *
 * @internal
 */
export type Resolved = ReadonlyArray<ToolDeclaration> | Handled<unknown, unknown>

/**
 * A toolkit, or the effect that provides one, as declarations with handlers.
 *
 * @internal
 */
export const resolve = (
  method: string,
  tools: Exclude<Tools, Resolved>
): Effect.Effect<Handled<unknown, unknown>, unknown, unknown> => {
  const wrong = invalid(
    method,
    "tools",
    "must be an array of tools, made by the Tools module, or an @effect/ai toolkit"
  )
  if (isToolkit(tools)) return Effect.succeed(toHandled(tools))
  if (!Effect.isEffect(tools)) return Effect.fail(wrong)
  return Effect.flatMap(
    tools as Effect.Effect<unknown, unknown, unknown>,
    (resolved) => isToolkit(resolved) ? Effect.succeed(toHandled(resolved)) : Effect.fail(wrong)
  )
}
