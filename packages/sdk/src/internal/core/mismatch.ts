/** A value that does not fit a schema, in the words of the schema's author. */
import * as Either from "effect/Either"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as AST from "effect/SchemaAST"

const keywords: { readonly [tag: string]: readonly [kind: string, ast: AST.Annotated] } = {
  StringKeyword: ["a string", AST.stringKeyword],
  NumberKeyword: ["a number", AST.numberKeyword],
  BooleanKeyword: ["a boolean", AST.booleanKeyword],
  BigIntKeyword: ["a bigint", AST.bigIntKeyword],
  ObjectKeyword: ["an object", AST.objectKeyword]
}

/** An annotation of the schema's author: keywords have some of Effect's. */
const annotation = (ast: AST.AST, id: symbol): string | undefined => {
  const text = ast.annotations[id]
  return typeof text === "string" && text !== keywords[ast._tag]?.[1].annotations[id] ? text : undefined
}

const nameOf = (ast: AST.AST): string | undefined =>
  annotation(ast, AST.IdentifierAnnotationId) ?? annotation(ast, AST.TitleAnnotationId)

const cut = (text: string, length: number): string => text.length > length ? `${text.slice(0, length)}…` : text

const quoted = (value: unknown): string =>
  cut(typeof value === "string" ? JSON.stringify(value) : Inspectable.toStringUnknown(value, 0), 200)

/** The kinds of value that a schema decodes: those of each member of a union without a name. */
const plainKinds = (ast: AST.AST): ReadonlyArray<string> => {
  switch (ast._tag) {
    case "Union":
      return ast.types.flatMap(kindsOf)
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
    case "Declaration":
      return ["a value of another type"]
    default:
      return [keywords[ast._tag]?.[0] ?? String(ast)]
  }
}

const kindsOf = (ast: AST.AST): ReadonlyArray<string> => {
  if (AST.isTransformation(ast)) {
    const name = AST.isTypeLiteral(ast.from) ? nameOf(ast) ?? nameOf(ast.to) : undefined
    return name === undefined ? kindsOf(ast.from) : [name]
  }
  const name = nameOf(ast)
  const description = annotation(ast, AST.DescriptionAnnotationId)
  const said = description !== undefined && /^an? /.test(description)
    ? description
    : ast._tag in keywords
    ? undefined
    : name ?? (AST.isDeclaration(ast) ? description : undefined)
  if (said !== undefined) return [said.replace(/<.*/s, "")]
  const meaning = name ?? description ?? (AST.isRefinement(ast) ? "that passes its filter" : undefined)
  const kinds = plainKinds(ast)
  return meaning === undefined || kinds.length > 1 ? kinds : kinds.map((kind) => `${kind} (${meaning})`)
}

/** A part of a value that does not fit. It has the kinds that would fit unless the schema has words of its own. */
interface Mismatch {
  readonly path: ReadonlyArray<PropertyKey>
  readonly kinds: ReadonlyArray<string>
  readonly text: string
}

const mismatchesOf = (issue: ParseResult.ParseIssue, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Mismatch> => {
  const words = (text: string) => [{ path, kinds: [], text }]
  const expected = (kinds: ReadonlyArray<string>) => {
    const all = [...new Set(kinds)].filter((kind, _, { length }) => length === 1 || kind !== "undefined")
    const listed = all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`
    return [{ path, kinds, text: `expected ${listed}, got ${quoted(issue.actual)}` }]
  }
  const isOfWhole = (one: Mismatch): boolean => one.kinds.length > 0 && one.path.length === path.length
  if (issue._tag === "Pointer") return mismatchesOf(issue.issue, path.concat(issue.path))
  if (issue._tag === "Missing") return words("is missing")
  if (issue._tag === "Unexpected") return words("is not expected")
  if (Option.isSome(AST.getMessageAnnotation(issue.ast)) || ("message" in issue && issue.message !== undefined)) {
    return words(ParseResult.TreeFormatter.formatIssueSync(issue))
  }
  switch (issue._tag) {
    case "Refinement": {
      const inner = mismatchesOf(issue.issue, path)
      return issue.kind === "Predicate" ? inner.map((one) => ({ ...one, kinds: [] })) : inner
    }
    case "Transformation": {
      const inner = mismatchesOf(issue.issue, path)
      return AST.isTypeLiteral(issue.ast.from) && inner.every(isOfWhole) ? expected(kindsOf(issue.ast)) : inner
    }
    case "Composite": {
      const { ast, issues } = issue
      const all = ("_tag" in issues ? [issues] : issues).flatMap((part) => mismatchesOf(part, path))
      if (!AST.isUnion(ast)) return all
      // of the members of a union, those say more that the value fits in part
      const telling = all.filter((one) => !isOfWhole(one))
      if (telling.length > 0) return telling
      return expected(nameOf(ast) === undefined ? all.flatMap(({ kinds }) => kinds) : kindsOf(ast))
    }
    default:
      return expected(kindsOf(issue.ast))
  }
}

/** The mismatches that are told; a value that fits nowhere has one for each part. */
const maxMismatches = 5

/** The mismatch in one line, which quotes the value: a long one is cut, and one that nests too deeply is not quoted. */
export const issueText = (issue: ParseResult.ParseIssue): string => {
  const lines = Either.try(() =>
    mismatchesOf(issue, []).map(({ path, text }) =>
      (path.length === 0 ? "" : `at ${path.map(String).join(".")}: `) + text.replace(/\s*\n\s*/g, " ")
    )
  )
  return Either.match(lines, {
    onLeft: () => "a value does not fit, and nests too deeply to be shown",
    onRight: (all) => cut([...new Set(all)].slice(0, maxMismatches).join("; "), 4_096)
  })
}
