/** The tools of an `@effect/ai` toolkit, taken by their shape, so that its package is not needed. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as AST from "effect/SchemaAST"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { problem } from "../core/makeError.js"
import { unreadable } from "../kit/names.js"
import { withoutDigits } from "../kit/plainJson.js"
import * as Tool from "./tool.js"

/** The part of an `@effect/ai` `Toolkit.WithHandler` that is used. */
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

const toolOf = <E, R>(
  { handle }: Toolkit<E, R>,
  tool: Toolkit<E, R>["tools"][string]
): Tool.AnsweringTool<E | InvalidRequestError, R> => {
  const { name } = tool
  const { declaration, problem } = Tool.declare(
    tool,
    Predicate.hasProperty(tool, "providerName") || !Predicate.hasProperty(tool, "parametersSchema")
      ? "it is run by a model provider, not by this program"
      : tool.parametersSchema.ast
  )
  return {
    name,
    declaration,
    problem: problem === undefined ? undefined : { field: `tools.${name}`, reason: `cannot be sent: ${problem}` },
    answer: (call, { method, onFailure }) => {
      const args = Tool.parseArguments(call)
      if (typeof args === "string") return Effect.succeed(Tool.faulty(call, "bad arguments", args))
      return handle(name as never, withoutDigits(args.value) as never).pipe(
        Effect.map(({ encodedResult }) => Tool.answered(call, encodedResult)),
        Effect.catchAll((error) => {
          if (isFault(error)) {
            return Effect.succeed(Tool.faulty(call, "bad arguments", String(error.description ?? "they do not fit")))
          }
          if (onFailure === "report") return Effect.succeed(Tool.failed(call, error))
          return Effect.fail(
            isMisfit(error) ? Tool.misfit(method, name, String(error.description ?? "the value does not fit")) : error
          )
        })
      )
    }
  }
}

/** Returns the declarations of a toolkit with its handlers. */
export const fromToolkit = <E, R>(toolkit: Toolkit<E, R>): Tool.ToolSet<E | InvalidRequestError, R> => {
  const wrong = (reason: string): Tool.ToolSet<never, never> => ({
    ...Tool.gather<never, never>([]),
    problem: problem("tools", reason)
  })
  try {
    return typeof toolkit.handle === "function"
      ? Tool.gather(Object.values(toolkit.tools).map((tool) => toolOf(toolkit, tool)))
      : wrong(
        "are not an @effect/ai toolkit with its handlers: provide them first, as in Effect.map(toolkit, Tools.fromToolkit)"
      )
  } catch {
    return wrong(unreadable)
  }
}
