/** The part of JSON Schema that definitions in files may use. Other keywords are refused: to ignore one would let values pass. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import { Pattern, type PatternError, withTests } from "../Pattern.js"
import * as Ranges from "./ranges.js"
import { isSame, show } from "./values.js"

const types = {
  string: Predicate.isString,
  number: Number.isFinite,
  integer: Number.isInteger,
  boolean: Predicate.isBoolean,
  null: Predicate.isNull,
  array: Array.isArray,
  object: Predicate.isRecord
}

/** The types in a sentence. */
const nouns: { readonly [type in keyof typeof types]: string } = {
  string: "a string",
  number: "a number",
  integer: "an integer",
  boolean: "a boolean",
  null: "null",
  array: "an array",
  object: "an object"
}

/** The keywords that limit numbers and the lengths of texts: 1 from below, -1 from above. */
const limits = { minimum: 1, maximum: -1, minLength: 1, maxLength: -1 }

const isPattern = (pattern: string): boolean => Either.isRight(Pattern.fromText(pattern))

const nested = Schema.suspend((): Schema.Schema<unknown> => JsonSchema)

const Type = Schema.Literal(...Record.keys(types))

const Keywords = Schema.partial(Schema.Struct({
  title: Schema.String,
  description: Schema.String,
  type: Schema.Union(Type, Schema.Array(Type)),
  enum: Schema.Array(Schema.Unknown),
  const: Schema.Unknown,
  anyOf: Schema.Array(nested),
  ...Record.map(limits, (_, name) => Ranges.within(name.endsWith("Length") ? Ranges.count : Ranges.finite)),
  pattern: Schema.String.pipe(Schema.filter(isPattern, { message: () => "must be a regular expression" })),
  items: nested,
  properties: Schema.Record({ key: Schema.String, value: nested }),
  required: Schema.Array(Schema.String),
  additionalProperties: Schema.Boolean
}))

export const JsonSchema: Schema.Schema<unknown> =
  (Schema.Union(Schema.Literal(true), Keywords) as Schema.Schema.Any as Schema.Schema<unknown>).annotations({
    identifier: "JsonSchema",
    description: "A JSON Schema, of these keywords."
  })

/** The first reason why a value does not fit a JSON Schema of these keywords. */
const mismatch = (
  isMatch: (pattern: string, text: string) => boolean,
  json: unknown,
  value: unknown,
  place = ""
): string | undefined => {
  if (json === true) return undefined
  const schema = json as typeof Keywords.Type
  const named = place === "" ? "it" : place
  const within = (name: string | number) => place === "" ? `${name}` : `${place}.${name}`
  const allowed = schema.const === undefined ? schema.enum : [schema.const]
  if (schema.type !== undefined && ![schema.type].flat().some((type) => types[type](value))) {
    return `${named} is ${show(value)}, which is not ${[schema.type].flat().map((type) => nouns[type]).join(" or ")}`
  }
  if (allowed !== undefined && !allowed.some((one) => isSame(one, value))) {
    return `${named} is ${show(value)}, not ${allowed.map(show).join(" or ")}`
  }
  if (schema.anyOf !== undefined && schema.anyOf.every((one) => mismatch(isMatch, one, value) !== undefined)) {
    return `${named} fits none of anyOf`
  }
  if (schema.pattern !== undefined && typeof value === "string" && !isMatch(schema.pattern, value)) {
    return `${named} is ${show(value)}, which does not match ${schema.pattern}`
  }
  const length = typeof value === "string" ? Array.from(value).length : NaN
  for (const [keyword, sign] of Record.toEntries(limits)) {
    const limit = schema[keyword]
    const size = keyword.endsWith("Length") ? length : typeof value === "number" ? value : NaN
    if (limit !== undefined && (size - limit) * sign < 0) {
      return `${named} is ${show(value)}, with a ${keyword} of ${limit}`
    }
  }
  const parts = Array.isArray(value) ? [...value.entries()] : Predicate.isRecord(value) ? Object.entries(value) : []
  const { additionalProperties, items = true, properties = {}, required = [] } = schema
  if (Predicate.isRecord(value)) {
    const missing = required.find((name) => !Object.hasOwn(value, name))
    if (missing !== undefined) return `${within(missing)} is missing`
    const more = Object.keys(value).find((name) => !Object.hasOwn(properties, name))
    if (additionalProperties === false && more !== undefined) return `${within(more)} is not a property`
  }
  for (const [name, part] of parts) {
    const schema = typeof name === "number" ? items : Object.hasOwn(properties, name) ? properties[name] : true
    const reason = mismatch(isMatch, schema, part, within(name))
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Finds the first reason why a value does not fit a JSON Schema. */
export const mismatchOf = (json: unknown): (value: unknown) => Effect.Effect<string | undefined, PatternError> => {
  const patterns = new Map<string, Pattern>()
  const read = (text: string): Pattern => {
    const pattern = patterns.get(text) ?? Either.getOrThrow(Pattern.fromText(text))
    patterns.set(text, pattern)
    return pattern
  }
  return (value) => withTests((test) => mismatch((pattern, text) => test(read(pattern), text), json, value))
}

/** The schema of the values that fit a JSON Schema. A decoder needs time if it has patterns that do. */
export const fitting = (json: unknown): Schema.Schema<unknown> => {
  const mismatch = mismatchOf(json)
  return Schema.Unknown.pipe(
    Schema.filterEffect((value) =>
      Effect.match(mismatch(value), {
        onFailure: ({ message }) => message,
        onSuccess: (reason) => reason ?? true
      })
    )
  )
}

/** A number as spreadsheets write it. `0x10` is a name. */
const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i

/** The value of a cell that is not text, none if the cell is empty, and `undefined` if it stays the text that it is. */
const valueOf = (cell: string, types: ReadonlySet<string>): Option.Option<unknown> | undefined => {
  if (types.has("string")) return undefined
  if (cell === "") return types.has("null") ? Option.some(null) : Option.none()
  // spreadsheets write TRUE and FALSE
  if (types.has("boolean") && /^(true|false)$/i.test(cell)) return Option.some(cell.toLowerCase() === "true")
  const isNumeric = (types.has("number") || types.has("integer")) && decimal.test(cell) && Number.isFinite(Number(cell))
  return isNumeric ? Option.some(Number(cell)) : undefined
}

/** The values of a row of texts, as the properties of a JSON Schema say: numbers, booleans and texts. */
export const fromTexts = (json: unknown) => (row: { readonly [column: string]: string }): unknown => {
  const { properties = {} } = Predicate.isRecord(json) ? json as typeof Keywords.Type : {}
  return Record.filterMap(row, (text, column): Option.Option<unknown> => {
    const { type } = (Object.hasOwn(properties, column) ? properties[column] : {}) as typeof Keywords.Type
    const typed = valueOf(text.trim(), new Set([type ?? "string"].flat()))
    return typed === undefined ? Option.some(text) : typed
  })
}
