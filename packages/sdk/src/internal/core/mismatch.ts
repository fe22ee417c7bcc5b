/** A value that does not fit a schema, in the words of the schema's author. */
import * as Either from "effect/Either"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as AST from "effect/SchemaAST"

const keywords: { readonly [tag: string]: AST.Annotated } = {
  StringKeyword: AST.stringKeyword,
  NumberKeyword: AST.numberKeyword,
  BooleanKeyword: AST.booleanKeyword,
  BigIntKeyword: AST.bigIntKeyword,
  ObjectKeyword: AST.objectKeyword
}

type ReadAnnotation = (annotated: AST.Annotated) => Option.Option<string>

/** An annotation of the schema's author: keywords have some of Effect's. */
const annotation = (ast: AST.AST, read: ReadAnnotation): string | undefined => {
  const text = Option.getOrUndefined(read(ast))
  const builtIn = keywords[ast._tag]
  return builtIn !== undefined && text === Option.getOrUndefined(read(builtIn)) ? undefined : text
}

const nameOf = (ast: AST.AST): string | undefined =>
  annotation(ast, AST.getIdentifierAnnotation) ?? annotation(ast, AST.getTitleAnnotation)

const maxQuoted = 200

const quoted = (value: unknown): string => {
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : value instanceof Date
    ? String(value)
    : Inspectable.toStringUnknown(value, 0)
  return text.length > maxQuoted ? `${text.slice(0, maxQuoted)}…` : text
}

/** The kinds of values that fit a schema, by its structure. */
const plainKinds = (ast: AST.AST): ReadonlyArray<string> => {
  switch (ast._tag) {
    case "Union":
      return ast.types.flatMap(kindsOf)
    case "Enums":
      return ast.enums.map(([, value]) => quoted(value))
    case "Literal":
      return [quoted(ast.literal)]
    case "TypeLiteral":
      return ["an object"]
    case "TupleType":
      return ["an array"]
    case "Refinement":
      return kindsOf(ast.from)
    case "Suspend":
      return ["a nested value"]
    default: {
      const builtIn = keywords[ast._tag]
      return [
        builtIn === undefined ? String(ast) : Option.getOrElse(AST.getDescriptionAnnotation(builtIn), () => ast._tag)
      ]
    }
  }
}

/** The kinds of values that fit a schema, in the words of its author. */
const kindsOf = (ast: AST.AST): ReadonlyArray<string> => {
  if (AST.isTransformation(ast)) {
    // a conversion of Effect's has the name of what it gives
    const name = AST.isTypeLiteral(ast.from) ? nameOf(ast) ?? nameOf(ast.to) : undefined
    return name === undefined ? kindsOf(ast.from) : [name]
  }
  const name = nameOf(ast)
  const description = annotation(ast, AST.getDescriptionAnnotation)
  // one that does not name a kind of value says what the value means
  const phrase = description !== undefined && /^an? /.test(description) ? description : undefined
  // types and filters of Effect's have descriptions that read better than their names, and may spell out parameters
  if (AST.isDeclaration(ast)) return [(phrase ?? name ?? description ?? "a value of another type").replace(/<.*/s, "")]
  if (AST.isRefinement(ast) && phrase !== undefined) return [phrase]
  const isKeyword = keywords[ast._tag] !== undefined
  if (name !== undefined && !isKeyword) return [name]
  if (phrase !== undefined) return [phrase]
  const meaning = name ?? description ?? (AST.isRefinement(ast) ? "that passes its filter" : undefined)
  const kinds = plainKinds(ast)
  return meaning === undefined || kinds.length > 1
    ? kinds
    : kinds.map((kind) => `${kind} (${meaning})`)
}

const hasOwnMessage = ({ ast }: { readonly ast: AST.Annotated }): boolean =>
  Option.isSome(AST.getMessageAnnotation(ast))

const parts = ({ issues }: ParseResult.Composite): ReadonlyArray<ParseResult.ParseIssue> =>
  "_tag" in issues ? [issues] : issues

/** The kinds that were expected of a value as a whole; `undefined` where a part of it, or a filter, says more. */
const expected = (issue: ParseResult.ParseIssue): ReadonlyArray<string> | undefined => {
  switch (issue._tag) {
    case "Type":
      return issue.message !== undefined || hasOwnMessage(issue) ? undefined : kindsOf(issue.ast)
    case "Refinement":
      return issue.kind === "Predicate" || hasOwnMessage(issue) ? undefined : expected(issue.issue)
    case "Transformation": {
      if (issue.kind === "Transformation" || hasOwnMessage(issue)) return undefined
      const inner = expected(issue.issue)
      return inner !== undefined && AST.isTypeLiteral(issue.ast.from) ? kindsOf(issue.ast) : inner
    }
    case "Composite": {
      if (!AST.isUnion(issue.ast) || hasOwnMessage(issue)) return undefined
      const each = parts(issue).map(expected)
      return each.some((kinds) => kinds === undefined)
        ? undefined
        : nameOf(issue.ast) === undefined
        ? each.flatMap((kinds) => kinds ?? [])
        : kindsOf(issue.ast)
    }
    default:
      return undefined
  }
}

const listed = (kinds: ReadonlyArray<string>): string => {
  const all = [...new Set(kinds)]
  // an optional field may be undefined, which JSON cannot be
  const told = all.length > 1 ? all.filter((kind) => kind !== "undefined") : all
  return told.length < 2 ? told.join("") : `${told.slice(0, -1).join(", ")} or ${told.at(-1)}`
}

/** The same mismatch, with messages in place of the types of Effect. */
const worded = (issue: ParseResult.ParseIssue): ParseResult.ParseIssue => {
  const kinds = expected(issue)
  if (kinds !== undefined) {
    return new ParseResult.Type(
      AST.unknownKeyword,
      issue.actual,
      `expected ${listed(kinds)}, got ${quoted(issue.actual)}`
    )
  }
  switch (issue._tag) {
    case "Pointer":
      return new ParseResult.Pointer(issue.path, issue.actual, worded(issue.issue))
    case "Refinement":
      return new ParseResult.Refinement(issue.ast, issue.actual, issue.kind, worded(issue.issue))
    case "Transformation":
      return new ParseResult.Transformation(issue.ast, issue.actual, issue.kind, worded(issue.issue))
    case "Composite": {
      const all = parts(issue)
      // of the members of a union, those say more that the value fits in part
      const telling = AST.isUnion(issue.ast) ? all.filter((part) => expected(part) === undefined) : all
      const [first = issue, ...rest] = telling.map(worded)
      return new ParseResult.Composite(issue.ast, issue.actual, [first, ...rest])
    }
    case "Unexpected":
      return new ParseResult.Unexpected(issue.actual, "is not expected")
    default:
      return issue
  }
}

const maxLength = 4_096

/** The mismatches that are told; a value that fits nowhere has one for each part. */
const maxMismatches = 5

const mismatch = ({ message, path }: ParseResult.ArrayFormatterIssue): string =>
  (path.length === 0 ? "" : `at ${path.map(String).join(".")}: `) + message.replace(/\s*\n\s*/g, " ")

const mismatches = (issue: ParseResult.ParseIssue): string =>
  [...new Set(ParseResult.ArrayFormatter.formatIssueSync(worded(issue)).map(mismatch))].slice(0, maxMismatches)
    .join("; ")

/** The mismatch in one line, which quotes the value: a long one is cut, and one that nests too deeply is not quoted. */
export const issueText = (issue: ParseResult.ParseIssue): string => {
  const text = Either.getOrElse(
    Either.try(() => mismatches(issue)),
    () => "a value does not fit, and nests too deeply to be shown"
  )
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text
}
