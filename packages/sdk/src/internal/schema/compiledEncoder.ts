/**
 * The encoding of plain fields, for the hot path: a closure compiled once from the AST of a schema, as in
 * `compiledCheck`.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { compiledCheck } from "./compiledCheck.js"

/** Whether a schema takes only values without fields, which are their own encoding. */
const isLeaf = (ast: AST.AST): boolean =>
  AST.isUnion(ast) ? ast.types.every(isLeaf) : /^((String|Number|Boolean|Undefined)Keyword|Literal)$/.test(ast._tag)

/**
 * Encodes a value by a struct of texts, numbers, flags and literals; `undefined` for a value that does not fit, which is
 * left to the schema's own encoder. There is none for other schemas.
 *
 * @internal
 */
export const compiledEncoder = (
  { ast }: Schema.Schema.AnyNoContext
): ((u: unknown) => object | undefined) | undefined => {
  // options of its own may refuse or keep fields that the schema does not name
  if (!AST.isTypeLiteral(ast) || ast.indexSignatures.length > 0 || ast.annotations[AST.ParseOptionsAnnotationId]) {
    return undefined
  }
  const fields = ast.propertySignatures.map(({ isOptional, name, type }) => ({
    name,
    isOptional,
    fits: name !== "__proto__" && isLeaf(type) ? compiledCheck(Schema.make(type)) : undefined
  }))
  if (fields.length === 0 || fields.some(({ fits }) => fits === undefined)) return undefined
  return (u) => {
    if (!Predicate.isRecord(u)) return undefined
    const out: Record<PropertyKey, unknown> = {}
    for (const { fits, isOptional, name } of fields) {
      const value = u[name]
      if (!Object.prototype.hasOwnProperty.call(u, name)) {
        if (!isOptional) return undefined
      } else if (fits!(value)) out[name] = value
      else return undefined
    }
    return out
  }
}
