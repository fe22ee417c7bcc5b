/** The part of JSON Schema that definitions in files may use, as schemas of Effect. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { isSame, show } from "./values.js"

type Any = Schema.Schema<unknown, unknown>

type Keywords = { readonly [keyword: string]: unknown }

/** Keywords that allow and refuse nothing. */
const notes = ["$schema", "$id", "$comment", "title", "description", "default", "examples", "format", "deprecated"]

/** The keywords that limit a value of a type: whether a value is within the limit. */
const limits: { readonly [keyword: string]: (value: never, limit: never) => boolean } = {
  minimum: (value: number, least: number) => value >= least,
  maximum: (value: number, most: number) => value <= most,
  exclusiveMinimum: (value: number, least: number) => value > least,
  exclusiveMaximum: (value: number, most: number) => value < most,
  minLength: (value: string, least: number) => Array.from(value).length >= least,
  maxLength: (value: string, most: number) => Array.from(value).length <= most,
  pattern: (value: string, pattern: string) => new RegExp(pattern, "u").test(value),
  minItems: (value: ReadonlyArray<unknown>, least: number) => value.length >= least,
  maxItems: (value: ReadonlyArray<unknown>, most: number) => value.length <= most
}

const ofNumbers = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]

/** The keywords of each type, beside those of every type. */
const keywordsOf: { readonly [type: string]: ReadonlyArray<string> } = {
  string: ["minLength", "maxLength", "pattern"],
  number: ofNumbers,
  integer: ofNumbers,
  boolean: [],
  null: [],
  array: ["items", "minItems", "maxItems"],
  object: ["properties", "required", "additionalProperties"]
}

const asSchema = (schema: unknown): Any => schema as Any

/** How a type is read: `isText` where all values are texts, as in CSV. */
const scalars = (isText: boolean): { readonly [type: string]: Any } => {
  const number = asSchema(isText ? Schema.NumberFromString : Schema.Number) as Schema.Schema<number, unknown>
  return {
    string: asSchema(Schema.String),
    number: asSchema(number.pipe(Schema.finite({ message: () => "must be a number" }))),
    integer: asSchema(number.pipe(Schema.int({ message: () => "must be a whole number" }))),
    boolean: asSchema(isText ? Schema.BooleanFromString : Schema.Boolean),
    null: asSchema(Schema.Null)
  }
}

const wrong = (reason: string): never => {
  throw new Error(reason)
}

const objectOf = ({ additionalProperties = true, properties = {}, required = [] }: Keywords, isText: boolean): Any => {
  if (!Predicate.isRecord(properties)) return wrong("\"properties\" must be an object")
  if (!Array.isArray(required)) return wrong("\"required\" must be a list of names")
  const known = Object.entries(properties).map(([name, value]) => {
    const schema = schemaOf(value, isText)
    return [name, required.includes(name) ? schema : Schema.optionalWith(schema, { exact: true })] as const
  })
  const others = required.filter((name) => !Object.hasOwn(properties, name)).map((name) =>
    [name, Schema.Unknown] as const
  )
  const fields = Schema.Struct(Object.fromEntries([...known, ...others]))
  if (additionalProperties === false) {
    return asSchema(fields.annotations({ parseOptions: { onExcessProperty: "error" } }))
  }
  return additionalProperties === true
    ? asSchema(fields.annotations({ parseOptions: { onExcessProperty: "preserve" } }))
    : wrong("\"additionalProperties\" must be true or false")
}

const ofType = (type: unknown, keywords: Keywords, isText: boolean): Any => {
  if (typeof type !== "string" || !Object.hasOwn(keywordsOf, type)) {
    return wrong(`the type ${show(type)} does not exist`)
  }
  const base = type === "object"
    ? objectOf(keywords, isText)
    : type === "array"
    ? asSchema(Schema.Array(schemaOf(keywords.items ?? true, false)))
    : scalars(isText)[type]!
  return keywordsOf[type]!.filter((name) => name in limits && keywords[name] !== undefined).reduce(
    (schema, name) => {
      const limit = keywords[name]
      if (name === "pattern") new RegExp(String(limit), "u")
      else if (typeof limit !== "number") return wrong(`"${name}" must be a number`)
      return schema.pipe(
        Schema.filter((value) => limits[name]!(value as never, limit as never), {
          message: () => `must have a ${name} of ${show(limit)}`
        })
      )
    },
    base
  )
}

/**
 * A schema for the values that fit a JSON Schema. Throws for a keyword that is not supported: ignoring it would let
 * values pass.
 */
export const schemaOf = (json: unknown, isText: boolean = false): Any => {
  if (json === true) return asSchema(Schema.Unknown)
  if (!Predicate.isRecord(json)) return wrong(`${show(json)} is not a JSON Schema`)
  const { anyOf, const: constant, enum: values, type } = json
  const types = type === undefined ? [] : Array.isArray(type) ? type : [type]
  const known = [...notes, "type", "enum", "const", "anyOf", ...types.flatMap((type) => keywordsOf[String(type)] ?? [])]
  const unknown = Object.keys(json).find((keyword) => !known.includes(keyword))
  if (unknown !== undefined) {
    return wrong(`the keyword ${show(unknown)} is not supported${types.length === 0 ? " without a type" : ""}`)
  }
  if (anyOf !== undefined && !Array.isArray(anyOf)) return wrong("\"anyOf\" must be a list")
  if (values !== undefined && !Array.isArray(values)) return wrong("\"enum\" must be a list")
  const base = types.length > 0
    ? asSchema(Schema.Union(...types.map((type) => ofType(type, json, isText))))
    : anyOf !== undefined
    ? asSchema(Schema.Union(...anyOf.map((one: unknown) => schemaOf(one, isText))))
    : asSchema(Schema.Unknown)
  const allowed: ReadonlyArray<unknown> | undefined = constant === undefined ? values : [constant]
  return allowed === undefined ? base : base.pipe(
    Schema.filter((value) => allowed.some((one) => isSame(one, value)), {
      message: () => `must be ${allowed.map(show).join(" or ")}`
    })
  )
}
