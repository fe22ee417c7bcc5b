/**
 * The encoding of plain JSON, for the hot path: closures compiled once from the AST of a schema, as in `compiledCheck`.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { compiledCheck } from "./compiledCheck.js"

/** The result for a value that does not fit. */
const misfit = Symbol("misfit")

type Encoder = (u: unknown) => unknown

/** Whether a schema takes only values without fields, which are their own encoding. */
const isLeaf = (ast: AST.AST): boolean => {
  switch (ast._tag) {
    case "StringKeyword":
    case "NumberKeyword":
    case "BooleanKeyword":
    case "UndefinedKeyword":
    case "Literal":
      return true
    case "Union":
      return ast.types.every(isLeaf)
    default:
      return false
  }
}

const leaf = (ast: AST.AST): Encoder => {
  const fits = compiledCheck(Schema.make(ast))
  return (u) => fits(u) ? u : misfit
}

const struct = (ast: AST.TypeLiteral): Encoder | undefined => {
  if (ast.indexSignatures.length > 0 || ast.propertySignatures.length === 0) return undefined
  const fields: Array<{ readonly name: string; readonly isOptional: boolean; readonly encode: Encoder }> = []
  for (const { isOptional, name, type } of ast.propertySignatures) {
    const encode = compile(type)
    if (encode === undefined || typeof name !== "string" || name === "__proto__") return undefined
    fields.push({ name, isOptional, encode })
  }
  return (u) => {
    if (!Predicate.isRecord(u)) return misfit
    const out: Record<string, unknown> = {}
    for (const { encode, isOptional, name } of fields) {
      if (Object.prototype.hasOwnProperty.call(u, name)) {
        const encoded = encode(u[name])
        if (encoded === misfit) return misfit
        out[name] = encoded
      } else if (!isOptional) return misfit
    }
    return out
  }
}

const compile = (ast: AST.AST): Encoder | undefined =>
  // it may refuse or keep fields that the schema does not name
  ast.annotations[AST.ParseOptionsAnnotationId] !== undefined
    ? undefined
    : isLeaf(ast)
    ? leaf(ast)
    : AST.isTypeLiteral(ast)
    ? struct(ast)
    : undefined

/**
 * Encodes a value by a schema of structs of plain fields; `undefined` for a value that does not fit, which is left to
 * the schema's own encoder. There is none for other schemas.
 *
 * @internal
 */
export const compiledEncoder = (
  schema: Schema.Schema.AnyNoContext
): ((u: unknown) => object | undefined) | undefined => {
  const encode = AST.isTypeLiteral(schema.ast) ? compile(schema.ast) : undefined
  return encode && ((u) => {
    const encoded = encode(u)
    return typeof encoded === "object" && encoded !== null ? encoded : undefined
  })
}
