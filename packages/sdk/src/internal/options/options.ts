/** One Schema per public input: it decodes the options of a caller once, before anything is sent. */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid, type Problem, problem, type RefusalFacts } from "../core/makeError.js"
import { nearest } from "../core/similarity.js"

type Field = Schema.Schema<unknown> | Schema.optionalWith<Schema.Schema<unknown>, { readonly exact: true }>

/** The schemas of an input, one for each of its options. */
type Fields<A> = { readonly [K in keyof A]-?: Field }

/** Decodes an input of a caller, or returns the error of the first option that is wrong or unknown. */
type Decode<A extends object> = <B extends A>(
  method: string,
  given: B,
  facts?: RefusalFacts
) => Either.Either<B, InvalidRequestError>

type GivenFields = { readonly [name: string]: unknown }

/** Whether a value is an object of fields: not a list, map, promise or effect. */
const isFields = (u: unknown): u is GivenFields =>
  Predicate.isRecord(u) && Object.prototype.toString.call(u) === "[object Object]" && !(Symbol.iterator in u)

const unknownOption = (name: string, names: ReadonlyArray<string>): Problem => {
  const meant = nearest(name, names, identity)
  return problem(name, `is not an option: ${meant === undefined ? "remove it" : `did you mean ${meant}?`}`)
}

/** The first mismatch in plain words. The path of a check within its option is text already. */
const problemOf = ({ issue }: ParseResult.ParseError, names: ReadonlyArray<string>): Problem => {
  const { _tag, message, path } = ParseResult.ArrayFormatter.formatIssueSync(issue)[0]!
  return _tag === "Unexpected" ? unknownOption(String(path[0]), names) : problem(path.join(""), message)
}

/**
 * The decoder of an input whose name is `whole`. `rules` checks options against one another. The schema is made on the
 * first call.
 */
export const options = <A extends object>(
  whole: string,
  fields: () => Fields<A>,
  rules: (input: A, facts: RefusalFacts | undefined) => Problem | undefined = () => undefined
): Decode<A> => {
  let decode: ((input: GivenFields) => Problem | undefined) | undefined
  const make = () => {
    const struct: { readonly [name: string]: Field } = fields()
    const names = Object.keys(struct)
    const decoding = Schema.decodeUnknownEither(Schema.Struct(struct), { onExcessProperty: "error" })
    return (input: GivenFields) => {
      const decoded = decoding(input)
      return Either.isLeft(decoded) ? problemOf(decoded.left, names) : undefined
    }
  }
  return (method, given, facts) => {
    let at = whole
    const checked = (): Problem | undefined => {
      if (!isFields(given)) return problem(whole, "must be an object")
      const present: { [name: string]: unknown } = {}
      for (const name of Object.keys(given)) {
        at = name
        if (given[name] !== undefined) present[name] = given[name]
      }
      at = whole
      return (decode ??= make())(present) ?? rules(given, facts)
    }
    try {
      const found = checked()
      return found === undefined
        ? Either.right({ ...given })
        : Either.left(invalid(method, found.field, found.reason, facts))
    } catch (cause) {
      return Either.left(invalid(method, at, "cannot be read: reading it throws", { ...facts, cause }))
    }
  }
}
