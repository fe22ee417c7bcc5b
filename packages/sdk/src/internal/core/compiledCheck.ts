/**
 * `Schema.is` for events alone: closures compiled once from the AST of a schema, so that the schema stays the only
 * definition. `Schema.is` takes 1 to 5 µs per event, more than `JSON.parse`, and long streams miss their budget with it.
 */
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

type Check = (u: unknown) => boolean

const keywords: { readonly [tag: string]: Check } = {
  StringKeyword: Predicate.isString,
  NumberKeyword: Predicate.isNumber,
  BooleanKeyword: Predicate.isBoolean,
  UndefinedKeyword: Predicate.isUndefined,
  UnknownKeyword: () => true
}

const compile = (ast: AST.AST): Check => {
  switch (ast._tag) {
    case "Literal":
      return (u) => u === ast.literal
    case "Union": {
      const members = ast.types.map(compile)
      return (u) => members.some((fits) => fits(u))
    }
    case "Refinement": {
      const fits = compile(ast.from)
      return (u) => fits(u) && Option.isNone(ast.filter(u, AST.defaultParseOption, ast))
    }
    case "TypeLiteral":
      return ast.propertySignatures.length > 0 && ast.indexSignatures.length === 0 ? struct(ast) : general(ast)
    default:
      return keywords[ast._tag] ?? general(ast)
  }
}

const struct = (ast: AST.TypeLiteral): Check => {
  const properties = ast.propertySignatures.map(({ isOptional, name, type }) => ({
    name,
    fits: compile(type),
    isOptional
  }))
  return (u) =>
    Predicate.isRecord(u) &&
    properties.every(({ fits, isOptional, name }) => Object.hasOwn(u, name) ? fits(u[name]) : isOptional)
}

const general = (ast: AST.AST): Check => ParseResult.is(Schema.make(ast))

/**
 * The function `Schema.is`, at a fraction of its cost for structs of plain fields; other schemas are left to it. It is
 * compiled when it is first called.
 */
export const compiledCheck = <A, I>(schema: Schema.Schema<A, I>): (u: unknown) => u is A => {
  let check: Check | undefined
  return (u): u is A => {
    check ??= compile(AST.typeAST(schema.ast))
    return check(u)
  }
}
