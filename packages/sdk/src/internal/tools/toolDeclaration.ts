import * as JSONSchema from "effect/JSONSchema"
import * as Predicate from "effect/Predicate"
import type * as AST from "effect/SchemaAST"
import type { ToolDeclaration } from "./tool.js"

type JsonObject = { readonly [key: string]: unknown }

/** Removes Effect's own ids, which mean nothing to a model provider. */
const withoutIds = (u: unknown): unknown => {
  if (Array.isArray(u)) return u.map(withoutIds)
  if (!Predicate.isRecord(u)) return u
  return Object.fromEntries(
    Object.entries(u).flatMap(([key, value]) =>
      key === "$id" && typeof value === "string" && value.startsWith("/schemas/") ? [] : [[key, withoutIds(value)]]
    )
  )
}

/**
 * Whether a schema is a struct without fields, which takes any object or array in Effect, and means a tool without
 * parameters here.
 */
const isEmptyStruct = (ast: AST.AST): boolean =>
  ast._tag === "TypeLiteral" && ast.propertySignatures.length === 0 && ast.indexSignatures.length === 0

/** The JSON Schema of a tool's parameters, an object schema; or the reason why there is none. */
export const ofParameters = (ast: AST.AST): JsonObject | string => {
  if (isEmptyStruct(ast)) return { type: "object", properties: {}, required: [], additionalProperties: false }
  const definitions = {}
  try {
    const schema = withoutIds(JSONSchema.fromAST(ast, { definitions, topLevelReferenceStrategy: "skip" }))
    if (!Predicate.isRecord(schema) || (schema.type !== "object" && !("anyOf" in schema))) {
      return "parameters must be an object"
    }
    return Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: withoutIds(definitions) }
  } catch (error) {
    return error instanceof Error ? error.message : "it has no JSON Schema"
  }
}

/** The declaration of a tool, and the reason why its parameters cannot be sent, if they cannot. */
export interface DeclaredTool {
  readonly declaration: ToolDeclaration
  readonly problem: string | undefined
}

/** @param parameters the schema of its parameters, or why it has none */
export const declare = (
  tool: { readonly name: string; readonly description?: string | undefined },
  parameters: AST.AST | string
): DeclaredTool => {
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
