/** Translates tools, calls and results between this package and the SDK. */
import * as Tools from "@effect-noukai/sdk/Tools"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import type { ToolCall, ToolHandler } from "../../Tool.js"
import { Thrown } from "../errors/thrown.js"
import { fieldOf, overReceived } from "../json.js"
import { snapshot } from "../scope/asyncContext.js"
import { resultsOf } from "./toolResults.js"

/** Returns tool calls in the shape of the wire, with their unknown fields. */
export const wireCalls = (calls: ReadonlyArray<Tools.ToolCall>): Array<ToolCall> =>
  calls.map(({ arguments: args, id, name, raw: sent }) => {
    const named = { name, arguments: args }
    return fieldOf(sent, "id") === id
      ? overReceived(sent, { id, type: "function", function: overReceived(fieldOf(sent, "function"), named) })
      : { id, type: "function", function: named }
  })

type UnknownFields = { readonly [key: string]: unknown }

/** Translates results. The SDK checks that they answer the calls. */
const handledResults = (results: unknown) => (resultsOf(results) ?? results) as ReadonlyArray<Tools.ToolResult>

/** The `tools` of inputs of the SDK. */
export type ToolsInput = ReadonlyArray<Tools.ToolDeclaration> | Tools.ToolSet<Thrown, never> | undefined

/**
 * Returns the tools of a call. The handler runs in the asynchronous context of the call, within the span of its tool.
 */
export const toolsOf = (
  declarations: ReadonlyArray<UnknownFields> | undefined,
  handler: ToolHandler | undefined
): ToolsInput => {
  // the SDK checks the declarations
  const declared = declarations as ReadonlyArray<Tools.ToolDeclaration> | undefined
  if (handler === undefined) return declared
  if (typeof handler !== "function") return Tools.handle(declared ?? [], handler)
  const inContext = snapshot()
  return Tools.handle(
    declared ?? [],
    (calls) =>
      Effect.withFiberRuntime((fiber) =>
        Effect.flatMap(Effect.zip(TraceScope.current, Effect.tracer), ([scope, tracer]) => {
          const controller = new AbortController()
          const { signal } = controller
          const handled = async () => handledResults(await handler(wireCalls(calls), { signal }))
          return Effect.tryPromise({
            // calls of the handler are in the scope of a pinned client too
            try: () =>
              inContext(() =>
                tracer.context(() => scope === undefined ? handled() : TraceScope.runIn(scope, handled), fiber)
              ),
            catch: (reason) => new Thrown({ reason })
          }).pipe(
            // the signal of tryPromise misses an interruption during the call of the handler
            Effect.onInterrupt(() => Effect.sync(() => controller.abort()))
          )
        })
      )
  )
}
