/** Translates tools, calls and results between this package and the SDK. */
import type { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Tools from "@effect-noukai/sdk/Tools"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import type { ExecuteOptions } from "../../FlowOptions.js"
import type { ToolCall, ToolHandler } from "../../Tool.js"
import { Tool } from "../../TypedTool.js"
import { Thrown } from "../errors/thrown.js"
import { fieldOf, isRecord, overReceived } from "../json.js"
import { snapshot } from "../scope/asyncContext.js"
import { AbortReason } from "./abortReason.js"
import { type ToolDefinition, toolSet } from "./toolDefinition.js"
import { resultsOf } from "./toolResults.js"

/** Returns tool calls in the shape of the wire, with their unknown fields. */
export const wireCalls = (calls: ReadonlyArray<Tools.ToolCall>): Array<ToolCall> =>
  calls.map(({ arguments: args, id, name, raw: sent }) => {
    const named = { name, arguments: args }
    return fieldOf(sent, "id") === id
      ? overReceived(sent, { id, type: "function", function: overReceived(fieldOf(sent, "function"), named) })
      : { id, type: "function", function: named }
  })

/** Runs code of the caller in the asynchronous context of the call that began the run, and in the span of the tool. */
export const inContextOfNow = () => {
  const inContext = snapshot()
  return <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, Thrown> =>
    Effect.withFiberRuntime((fiber) =>
      Effect.flatMap(Effect.all([TraceScope.current, Effect.tracer, AbortReason]), ([scope, tracer, reasonOf]) => {
        const controller = new AbortController()
        const running = () => run(controller.signal)
        // calls of the code are in the scope of a pinned client too
        const inScope = () => scope === undefined ? running() : TraceScope.runIn(scope, running)
        return Effect.tryPromise({
          try: () => inContext(() => tracer.context(inScope, fiber)),
          catch: (reason) => new Thrown({ reason })
        }).pipe(
          // the signal of tryPromise misses an interruption during the call of the code
          Effect.onInterrupt(() => Effect.sync(() => controller.abort(reasonOf())))
        )
      })
    )
}

/** The `tools` of inputs of the SDK. */
export type ToolsInput =
  | ReadonlyArray<Tools.ToolDeclaration>
  | Tools.ToolSet<Thrown | InvalidRequestError, never>
  | undefined

/** Tools that the SDK refuses with a reason. */
const refused = (field: string, reason: string): ToolsInput => ({
  ...Tools.handle([], () => Effect.succeed([])),
  problem: { field, reason }
})

/** Returns tools that answer their own calls. */
const answering = (definitions: ReadonlyArray<ToolDefinition>): ToolsInput => {
  const inContext = inContextOfNow()
  return toolSet(definitions, ({ run }, args, call) =>
    inContext(async (signal) => {
      const [toolCall] = wireCalls([call])
      // the arguments have been checked by the schema of the tool
      return await run(args as never, { signal, toolCall: toolCall! }) as Tools.Json
    }))
}

/** Returns the tools of a call. */
export const toolsOf = (tools: ExecuteOptions["tools"], handler: ToolHandler | undefined): ToolsInput => {
  const given: ReadonlyArray<unknown> = Array.isArray(tools) ? tools : []
  const definitions = given.map(Tool.definitionOf).filter((definition) => definition !== undefined)
  if (definitions.length > 0) {
    if (definitions.length < given.length) {
      return refused("tools", "must all be made by defineTool, or all be in OpenAI's function format")
    }
    return handler === undefined
      ? answering(definitions)
      : refused("toolHandler", "is not used with tools of defineTool, which answer their own calls")
  }
  const other = given.findIndex((tool) => isRecord(fieldOf(tool, "definition")))
  if (other >= 0) return refused(`tools[${other}]`, "was made by defineTool of another copy of @effect-noukai/promise")
  // the SDK checks the declarations
  const declared = tools as ReadonlyArray<Tools.ToolDeclaration> | undefined
  if (handler === undefined) return declared
  if (typeof handler !== "function") return Tools.handle(declared ?? [], handler)
  const inContext = inContextOfNow()
  return Tools.handle(
    declared ?? [],
    (calls) => inContext(async (signal) => resultsOf(await handler(wireCalls(calls), { signal })))
  )
}
