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

type Fields = { readonly [key: PropertyKey]: unknown }

// kinds of values, as bits of a set
const aNull = 1
const anUndefined = 2
const aBoolean = 4
const aNumber = 8
const aString = 16
const another = 32

const kindOf = (u: unknown): number =>
  typeof u === "string"
    ? aString
    : typeof u === "number"
    ? aNumber
    : u === undefined
    ? anUndefined
    : u === null
    ? aNull
    : typeof u === "boolean"
    ? aBoolean
    : another

const kindsOfKeywords: { readonly [tag: string]: number } = {
  StringKeyword: aString,
  NumberKeyword: aNumber,
  BooleanKeyword: aBoolean,
  UndefinedKeyword: anUndefined,
  UnknownKeyword: aNull | anUndefined | aBoolean | aNumber | aString | another
}

/** The kinds of which every value fits. */
const fittingKinds = (ast: AST.AST): number =>
  AST.isUnion(ast)
    ? ast.types.reduce((all, type) => all | fittingKinds(type), 0)
    : AST.isLiteral(ast) && ast.literal === null
    ? aNull
    : kindsOfKeywords[ast._tag] ?? 0

interface Property {
  readonly name: PropertyKey
  /** The kinds that fit without the check: a call of a closure costs more than all kinds together. */
  readonly kinds: number
  readonly check: Check
  readonly isOptional: boolean
  /** Whether an absent key and an undefined one are the same. */
  readonly isLoose: boolean
}

const propertyOf = ({ isOptional, name, type }: AST.PropertySignature): Property => {
  const check = compile(type)
  return { name, kinds: fittingKinds(type), check, isOptional, isLoose: isOptional && check(undefined) }
}

const struct = (ast: AST.TypeLiteral): Check | undefined => {
  const [index, ...others] = ast.indexSignatures
  if (others.length > 0 || (index !== undefined && !AST.isStringKeyword(index.parameter))) return undefined
  if (index === undefined && ast.propertySignatures.length === 0) return undefined
  const properties = ast.propertySignatures.map(propertyOf)
  // inherited fields do not count, and a plain object inherits none of these names
  const inheritable = properties.some(({ name }) => name in Object.prototype)
  const value = index === undefined || AST.isUnknownKeyword(index.type) ? undefined : compile(index.type)

  const fitPlain = (fields: Fields): boolean => {
    for (const { check, isLoose, isOptional, kinds, name } of properties) {
      const field = fields[name]
      const fits = field === undefined
        ? isLoose || fitsOwn(fields, name, check, isOptional)
        : (kinds & kindOf(field)) !== 0 || check(field)
      if (!fits) return false
    }
    return true
  }
  return (u) =>
    Predicate.isRecord(u) &&
    (!inheritable && Object.getPrototypeOf(u) === Object.prototype
      ? fitPlain(u)
      : properties.every(({ check, isOptional, name }) => fitsOwn(u, name, check, isOptional))) &&
    (value === undefined || Object.keys(u).every((key) => value(u[key])))
}

const fitsOwn = (fields: Fields, name: PropertyKey, check: Check, isOptional: boolean): boolean =>
  Object.prototype.hasOwnProperty.call(fields, name) ? check(fields[name]) : isOptional

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
  const [first, second, ...rest] = ast.types.map(compile) as [Check, Check, ...Array<Check>]
  const [third, ...others] = rest
  if (third === undefined) return (u) => first(u) || second(u)
  if (others.length === 0) return (u) => first(u) || second(u) || third(u)
  return (u) => first(u) || second(u) || rest.some((fits) => fits(u))
}

const refinement = (ast: AST.Refinement): Check => {
  const from = compile(ast.from)
  return (u) => from(u) && Option.isNone(ast.filter(u, AST.defaultParseOption, ast))
}

const compile = (ast: AST.AST): Check => {
  switch (ast._tag) {
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
      return ofKind(fittingKinds(ast)) ?? fallback(ast)
  }
}

const ofKind = (kinds: number): Check | undefined => kinds === 0 ? undefined : (u) => (kinds & kindOf(u)) !== 0

const fallback = (ast: AST.AST): Check => ParseResult.is(Schema.make(ast))

/**
 * The function `Schema.is`, at a fraction of its cost for structs of plain fields; other schemas are left to it. It is
 * compiled when it is first called.
 */
export const compiledCheck = <A, I>(schema: Schema.Schema<A, I>): (u: unknown) => u is A => {
  let fits: Check | undefined
  return ((u) => {
    fits ??= compile(AST.typeAST(schema.ast))
    return fits(u)
  }) as (u: unknown) => u is A
}
