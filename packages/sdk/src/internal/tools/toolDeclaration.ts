import type * as AST from "effect/SchemaAST"
import { ofParameters } from "./jsonSchema.js"
import type { ToolDeclaration } from "./tool.js"

/**
 * What is sent of a tool, and why its parameters cannot be, if they cannot.
 *
 * @internal
 */
export interface Declared {
  readonly declaration: ToolDeclaration
  readonly problem: string | undefined
}

/**
 * @param parameters the schema of its parameters, or why it has none
 *
 * @internal
 */
export const declare = (
  tool: { readonly name: string; readonly description?: string | undefined },
  parameters: AST.AST | string
): Declared => {
  const schema = typeof parameters === "string" ? parameters : ofParameters(parameters)
  const hasSchema = typeof schema !== "string"
  return {
    declaration: {
      type: "function",
      function: {
        name: tool.name,
        ...(tool.description === undefined ? undefined : { description: tool.description }),
        ...(hasSchema ? { parameters: schema } : undefined)
      }
    },
    problem: hasSchema ? undefined : schema
  }
}
