/**
 * Tool handlers and their results, from the names of this package to those of the sdk.
 *
 * @internal
 */
import type { ToolCall as SdkCall, ToolDeclaration, ToolResult } from "@effect-noukai/sdk/Tools"
import * as Tools from "@effect-noukai/sdk/Tools"
import * as Effect from "effect/Effect"
import type { ToolCall, ToolHandler } from "../Tool.js"
import { snapshot } from "./asyncContext.js"
import { Thrown } from "./thrown.js"

/** @internal */
export const wireCalls = (calls: ReadonlyArray<SdkCall>): Array<ToolCall> =>
  calls.map(({ arguments: args, id, name }) => ({ id, type: "function", function: { name, arguments: args } }))

type Given = { readonly [key: string]: unknown }

const resultOf = (given: Given): ToolResult => {
  const id = given.tool_call_id ?? given.toolCallId
  const content = given.content ?? given.output ?? null
  return { toolCallId: typeof id === "string" ? id : "", content: content as ToolResult["content"] }
}

/**
 * Results as the sdk takes them. It is the sdk that checks that they answer the calls.
 *
 * @internal
 */
export const resultsOf = (results: unknown): ReadonlyArray<ToolResult> =>
  Array.isArray(results) ? results.map((result: unknown) => resultOf(Object(result) as Given)) : []

/**
 * The tools of a call: by hand, or with their handler, which runs in the asynchronous context of the call.
 *
 * @internal
 */
export const toolsOf = (
  declarations: ReadonlyArray<Given> | undefined,
  handler: ToolHandler | undefined
): ReadonlyArray<ToolDeclaration> | Tools.Handled<Thrown, never> | undefined => {
  // what is declared is checked by the sdk
  const declared = declarations as ReadonlyArray<ToolDeclaration> | undefined
  if (handler === undefined) return declared
  const inContext = snapshot()
  return Tools.handle(declared ?? [], (calls) =>
    Effect.suspend(() => {
      const controller = new AbortController()
      const { signal } = controller
      return Effect.tryPromise({
        try: () => inContext(async () => handler(wireCalls(calls), { signal })),
        catch: (reason) => new Thrown({ reason })
      }).pipe(
        // tryPromise's own signal misses an interruption that comes while the handler is being called
        Effect.onInterrupt(() => Effect.sync(() => controller.abort())),
        Effect.map(resultsOf)
      )
    }))
}
