/**
 * Tools with a schema of any library, which check and answer their own calls.
 *
 * @since 0.1.0
 */
import { type ToolDefinition, toolDefinition } from "./internal/tools/toolDefinition.js"
import type { AnySchema } from "./Schemas.js"
import type { ToolOptions } from "./Tool.js"

/**
 * A tool that checks and answers its own calls, from {@link defineTool}.
 *
 * @since 0.1.0
 * @category models
 */
export class Tool {
  readonly name: string
  private readonly definition: ToolDefinition

  /** @internal */
  constructor(definition: ToolDefinition) {
    this.name = definition.name
    this.definition = definition
  }

  /**
   * Returns the definition of a tool, or `undefined` for any other value.
   *
   * @internal
   */
  static definitionOf(u: unknown): ToolDefinition | undefined {
    return u instanceof Tool ? u.definition : undefined
  }
}

/**
 * Defines a tool for `tools: [tool]` of `execute`, `executeOnce`, `events` and `steps`. The tool answers all its calls,
 * up to four at a time, so the run does not pause and no `toolHandler` is needed. All tools of a call are then of this
 * kind.
 *
 * Arguments are checked by the schema before `run`. Wrong arguments go back to the model with the reason. After three
 * rounds in a row with wrong calls of a tool, the run rejects with a `ToolCallLimitError`.
 *
 * Throws an `InvalidRequestError` that names the tool and the field if the schema has no JSON Schema there, or an empty
 * one, as for a `Date`. Then use a type that JSON has, or set `jsonSchema`.
 *
 * @example
 * ```ts
 * import { defineTool, type Noukai } from "@effect-noukai/promise"
 * import { z } from "zod"
 *
 * const weather = defineTool({
 *   name: "get_weather",
 *   description: "The weather of a city",
 *   parameters: z.object({ city: z.string() }),
 *   run: async ({ city }) => `18 °C in ${city}`
 * })
 *
 * const ask = (noukai: Noukai) =>
 *   noukai.flow("acme/support/answer").execute({ message: "Is it warm in Lisbon?", tools: [weather] })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const defineTool = <S extends AnySchema>(options: ToolOptions<S>): Tool => new Tool(toolDefinition(options))
