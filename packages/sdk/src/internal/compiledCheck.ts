/**
 * `Schema.is` for the hot path: closures compiled once from the AST of a schema, so that the schema stays the only place
 * that says what fits.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

type Check = (u: unknown) => boolean

type Fields = { readonly [key: PropertyKey]: unknown }

const hasOwn = Object.prototype.hasOwnProperty

const property = (signature: AST.PropertySignature): (fields: Fields) => boolean => {
  const { isOptional, name } = signature
  const check = compile(signature.type)
  return (fields) => hasOwn.call(fields, name) ? check(fields[name]) : isOptional
}

const struct = (ast: AST.TypeLiteral): Check | undefined => {
  const [index, ...others] = ast.indexSignatures
  if (others.length > 0 || (index !== undefined && !AST.isStringKeyword(index.parameter))) return undefined
  if (index === undefined && ast.propertySignatures.length === 0) return undefined
  const properties = ast.propertySignatures.map(property)
  const value = index === undefined || AST.isUnknownKeyword(index.type) ? undefined : compile(index.type)
  return (u) => {
    if (!Predicate.isRecord(u)) return false
    for (const fits of properties) if (!fits(u)) return false
    return value === undefined || Object.keys(u).every((key) => value(u[key]))
  }
}

const array = (ast: AST.TupleType): Check | undefined => {
  if (ast.elements.length > 0 || ast.rest.length !== 1) return undefined
  const item = compile(ast.rest[0]!.type)
  return (u) => {
    if (!Array.isArray(u)) return false
    for (const element of u) if (!item(element)) return false
    return true
  }
}

const union = (ast: AST.Union): Check => {
  const members = ast.types.map(compile)
  return (u) => {
    for (const fits of members) if (fits(u)) return true
    return false
  }
}

const refinement = (ast: AST.Refinement): Check => {
  const from = compile(ast.from)
  return (u) => from(u) && Option.isNone(ast.filter(u, AST.defaultParseOption, ast))
}

const compile = (ast: AST.AST): Check => {
  switch (ast._tag) {
    case "StringKeyword":
      return Predicate.isString
    case "NumberKeyword":
      return Predicate.isNumber
    case "BooleanKeyword":
      return Predicate.isBoolean
    case "UndefinedKeyword":
      return Predicate.isUndefined
    case "UnknownKeyword":
      return () => true
    case "Literal":
      return (u) => u === ast.literal
    case "Union":
      return union(ast)
    case "Refinement":
      return refinement(ast)
    case "TypeLiteral":
      return struct(ast) ?? fallback(ast)
    case "TupleType":
      return array(ast) ?? fallback(ast)
    default:
      return fallback(ast)
  }
}

const fallback = (ast: AST.AST): Check => ParseResult.is(Schema.make(ast))

/**
 * What `Schema.is` answers, at a fraction of its cost for structs of plain fields; anything else is left to it.
 *
 * @internal
 */
export const compiledCheck = <A, I>(schema: Schema.Schema<A, I>): (u: unknown) => u is A =>
  compile(AST.typeAST(schema.ast)) as (u: unknown) => u is A
