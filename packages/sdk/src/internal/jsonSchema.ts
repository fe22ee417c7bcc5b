import * as JSONSchema from "effect/JSONSchema"
import type * as AST from "effect/SchemaAST"

/**
 * The JSON Schema of a tool's parameters, or why there is none.
 *
 * @internal
 */
export const ofParameters = (ast: AST.AST): { readonly [key: string]: unknown } | string => {
  const definitions = {}
  try {
    const schema = JSONSchema.fromAST(ast, { definitions, topLevelReferenceStrategy: "skip" })
    return Object.keys(definitions).length === 0 ? { ...schema } : { ...schema, $defs: definitions }
  } catch (error) {
    return error instanceof Error ? error.message : "it has no JSON Schema"
  }
}
