/**
 * JSON Schemas of definitions, of the drafts 7 and 2020-12. A keyword or a format that is unknown is refused: to ignore one
 * would let values pass. Nothing is ever loaded for a `$ref`. Ajv is loaded with the first schema.
 */
import { hint } from "@effect-noukai/sdk/kit/names"
import { withoutDigits } from "@effect-noukai/sdk/kit/plainJson"
import type { Ajv, AnySchema, ErrorObject, Format, Options, ValidateFunction } from "ajv"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { Pattern, withTests } from "../Pattern.js"
import { line, messageOf, pathText, show, valueAt } from "./values.js"

/** A JSON Schema, whose keywords are checked when it is compiled. */
export const JsonSchema: Schema.Schema<unknown> = Schema.Unknown.annotations({
  identifier: "JsonSchema",
  jsonSchema: { type: ["object", "boolean"] },
  description: "A JSON Schema of the draft 2020-12, or of the draft 7 if its $schema says so."
})

/** A mistake in a JSON Schema: its place there, and the rule that it breaks. */
export interface Mistake {
  readonly place: ReadonlyArray<string>
  readonly reason: string
}

const nouns: { readonly [type: string]: string } = {
  string: "a string",
  number: "a number",
  integer: "an integer",
  boolean: "a boolean",
  null: "null",
  array: "an array",
  object: "an object"
}

/** The keys of a JSON pointer. */
const keysOfPointer = (pointer: string): ReadonlyArray<string> =>
  pointer.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))

const listed = (values: ReadonlyArray<unknown>): string => values.map(show).join(" or ")

/** The sentence about a value that does not fit. */
const sentenceOf = ({ data, instancePath, keyword, message = "", params, schema }: ErrorObject): string => {
  const keys = keysOfPointer(instancePath)
  const place = pathText(keys)
  const within = (name: unknown) => pathText([...keys, String(name)])
  const named = place === "" ? "it" : place
  const is = `${named} is ${show(data)}`
  switch (keyword) {
    case "type":
      return `${is}, which is not ${[params["type"]].flat().map((type) => nouns[type as string]).join(" or ")}`
    case "required":
      return `${within(params["missingProperty"])} is missing`
    case "additionalProperties":
    case "unevaluatedProperties":
      return `${within(params["additionalProperty"] ?? params["unevaluatedProperty"])} is not a property`
    case "const":
    case "enum":
      return `${is}, not ${listed(keyword === "const" ? [schema] : schema as ReadonlyArray<unknown>)}`
    case "anyOf":
    case "oneOf":
      return `${named} fits ${params["passingSchemas"] == null ? "none" : "more than one"} of ${keyword}`
    case "pattern":
      return `${is}, which does not match ${String(schema)}`
    case "format":
      return `${is}, which has not the format ${String(schema)}`
    case "not":
      return `${is}, which fits the schema of not`
    default:
      return typeof schema === "number" ? `${is}, with a ${keyword} of ${schema}` : `${is}, which ${message}`
  }
}

/** The keywords whose error comes after the errors of the parts, which say more. */
const wholes: ReadonlySet<string> = new Set(["if", "propertyNames"])

const reasonOf = (errors: ReadonlyArray<ErrorObject>): string => {
  const last = errors.at(-1)
  const error = last !== undefined && wholes.has(last.keyword) ? errors[0] : last
  const name = error?.propertyName === undefined ? "" : `the name ${show(error.propertyName)}: `
  return error === undefined ? "it does not fit" : line(name + sentenceOf(error))
}

/** The keywords that have schemas: as their value, in a list, or by names. */
const parts = {
  one: [
    ...["not", "if", "then", "else", "contains", "propertyNames", "additionalProperties", "unevaluatedProperties"],
    ...["items", "additionalItems", "unevaluatedItems", "contentSchema"]
  ],
  lists: ["allOf", "anyOf", "oneOf", "prefixItems", "items"],
  named: ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"]
}

interface Keywords {
  readonly [keyword: string]: unknown
}

/** A schema with all schemas in it, and their places. */
const schemasOf = (
  json: unknown,
  place: ReadonlyArray<string> = []
): ReadonlyArray<readonly [place: ReadonlyArray<string>, schema: Keywords]> => {
  if (!Predicate.isRecord(json)) return []
  const inside = (keyword: string, part: unknown) =>
    typeof part !== "object" || part === null
      ? []
      : Object.entries(part).flatMap(([key, one]) => schemasOf(one, [...place, keyword, key]))
  return [
    [place, json],
    ...parts.one.flatMap((keyword) => schemasOf(json[keyword], [...place, keyword])),
    ...parts.lists.flatMap((keyword) => Array.isArray(json[keyword]) ? inside(keyword, json[keyword]) : []),
    ...parts.named.flatMap((keyword) => Predicate.isRecord(json[keyword]) ? inside(keyword, json[keyword]) : [])
  ]
}

/** The first keyword, format or pattern that cannot be used. */
const mistakeIn = (json: unknown, isKeyword: (name: string) => boolean, formats: object): Mistake | undefined => {
  for (const [place, schema] of schemasOf(json)) {
    const at = (keyword: string, reason: string): Mistake => ({ place: [...place, keyword], reason })
    for (const [keyword, value] of Object.entries(schema)) {
      if (!isKeyword(keyword)) {
        return at(keyword, `is not a keyword of JSON Schema: ${hint(keyword, keywords, "remove it")}`)
      }
      if (keyword === "format" && typeof value === "string" && !Object.hasOwn(formats, value)) {
        return at(keyword, `is ${show(value)}: the formats are ${Object.keys(formats).join(", ")}`)
      }
      const patterns = keyword === "pattern"
        ? [value]
        : keyword === "patternProperties"
        ? Object.keys(Object(value))
        : []
      const wrong = patterns.find((text) => typeof text === "string" && Either.isLeft(Pattern.fromText(text)))
      if (wrong !== undefined) return at(keyword, `has ${show(wrong)}, which must be a regular expression`)
    }
  }
  return undefined
}

/** The keywords that people misspell. */
const keywords = [
  ...Object.values(parts).flat(),
  ...["type", "enum", "const", "required", "pattern", "format", "minimum", "maximum", "minLength", "maxLength"],
  ...["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties"],
  ...["maxProperties", "title", "description", "default", "examples", "$ref", "$schema"]
]

type Test = (pattern: Pattern, text: string) => boolean

/** The tests of patterns while a value is checked. */
interface Engine {
  test: Test
}

const engineOf = (engine: Engine) => {
  const regExp = (text: string) => {
    const pattern = Either.getOrThrowWith(Pattern.fromText(text), (reason) => new Error(reason))
    return { test: (value: string) => engine.test(pattern, value), toString: () => String(pattern.regex) }
  }
  return Object.assign(regExp, { code: "the pattern of a text" })
}

/** A format whose expressions run as patterns do. */
const safeFormat = (engine: Engine) => (format: Format): Format => {
  if (!(format instanceof RegExp)) return format
  const pattern = Pattern.fromRegExp(format)
  return (text: string) => engine.test(pattern, text)
}

type Draft = new(options: Options) => Ajv

/** A module for CommonJS has its exports under `default` in a bundle, and Ajv exports its class so everywhere. */
const exportsOf = <A extends object>(module: A): A =>
  Predicate.hasProperty(module, "default") ? module.default as A : module

const drafts: { readonly [draft in "draft-07" | "2020-12"]: Effect.Effect<Draft> } = {
  "draft-07": Effect.promise(async () => (await import("ajv")).default as never),
  "2020-12": Effect.promise(async () => (await import("ajv/dist/2020.js")).default as never)
}

const formatsOf = Effect.promise(async () => exportsOf(await import("ajv-formats/dist/formats.js")).fullFormats)

const draftOf = (json: unknown): keyof typeof drafts | undefined => {
  const $schema = Predicate.isRecord(json) ? json["$schema"] : undefined
  if ($schema === undefined) return "2020-12"
  const [, found] = /^https?:\/\/json-schema\.org\/(?:draft\/)?([^/]+)\/schema#?$/.exec(String($schema)) ?? []
  return Record.keys(drafts).find((draft) => draft === found)
}

/** A JSON Schema that is ready. */
interface Compiled {
  readonly validate: ValidateFunction
  readonly engine: Engine
}

const compile = (json: unknown): Effect.Effect<Compiled, Mistake> =>
  Effect.gen(function*() {
    if (!Predicate.isRecord(json) && typeof json !== "boolean") {
      return yield* Effect.fail({
        place: [],
        reason: `must be a JSON Schema: an object or a boolean, not ${show(json)}`
      })
    }
    const draft = draftOf(json)
    if (draft === undefined) {
      return yield* Effect.fail({ place: ["$schema"], reason: "must be that of the draft 2020-12 or of the draft 7" })
    }
    const Draft = yield* drafts[draft]
    const formats = yield* formatsOf
    const engine: Engine = { test: (pattern, text) => pattern.regex.test(text) }
    const general: Options = {
      strict: false,
      validateFormats: false,
      logger: false,
      ownProperties: true,
      verbose: true
    }
    const meta = new Draft(general)
    const ajv = new Draft({
      ...general,
      strictSchema: true,
      strictNumbers: true,
      validateFormats: true,
      meta: false,
      validateSchema: false,
      allowMatchingProperties: true,
      formats: Record.map(formats, safeFormat(engine)),
      code: { regExp: engineOf(engine) }
    })
    if (meta.validateSchema(typeof json === "boolean" ? json : Struct.omit(json, "$schema")) !== true) {
      const { data, instancePath = "", message, params } = meta.errors?.[0] ?? {}
      const allowed: unknown = params?.["allowedValues"]
      const rule = Array.isArray(allowed) ? `must be one of ${allowed.join(", ")}` : message
      const place = keysOfPointer(instancePath)
      return yield* Effect.fail({ place, reason: data === undefined ? `${rule}` : `${rule}, not ${show(data)}` })
    }
    const mistake = mistakeIn(json, (name) => Object.hasOwn(ajv.RULES.keywords, name), formats)
    if (mistake !== undefined) return yield* Effect.fail(mistake)
    return yield* Effect.try({
      try: (): Compiled => ({ validate: ajv.compile(json as AnySchema), engine }),
      catch: (error): Mistake => {
        const missing = Predicate.hasProperty(error, "missingRef") ? error.missingRef : undefined
        const [place = []] = schemasOf(json).find(([, { $ref }]) => missing !== undefined && $ref === missing) ?? []
        return missing === undefined
          ? { place: [], reason: `cannot be used: ${messageOf(error)}` }
          : {
            place: [...place, "$ref"],
            reason: `${show(missing)} is not in the schema, and is not loaded: add it to $defs`
          }
      }
    })
  })

/** A JSON Schema that is compiled once, when it is needed. */
export interface Validator {
  /** The mistake in the schema, if it has one. */
  readonly mistake: Effect.Effect<Mistake | undefined>
  /** The first reason why a value does not fit. Fails with the reason why that is not known. */
  readonly mismatch: (value: unknown) => Effect.Effect<string | undefined, string>
}

/** Reads a JSON Schema. */
export const validatorOf = (json: unknown): Validator => {
  let compiled: Either.Either<Compiled, Mistake> | undefined
  const read = Effect.suspend(() =>
    compiled === undefined
      ? Effect.tap(Effect.either(compile(json)), (found) => Effect.sync(() => compiled = found))
      : Effect.succeed(compiled)
  )
  return {
    mistake: Effect.map(read, (found) => Option.getOrUndefined(Either.getLeft(found))),
    mismatch: (value) =>
      Effect.flatMap(read, (found) => {
        if (Either.isLeft(found)) return Effect.fail(mistakeText(found.left))
        const { engine, validate } = found.right
        const plain = withoutDigits(value)
        return withTests((test) => {
          engine.test = test
          return Either.try({
            // a schema that refers to itself alone has no end
            try: () => validate(plain) ? undefined : reasonOf(validate.errors ?? []),
            catch: (error) => `the schema cannot be used: ${messageOf(error)}`
          })
        }).pipe(Effect.mapError(({ message }) => message), Effect.flatten)
      })
  }
}

/** A mistake in a sentence. */
export const mistakeText = ({ place, reason }: Mistake): string =>
  place.length === 0 ? reason : `${pathText(place)} ${reason}`

/** The schema of the values that fit a JSON Schema. A decoder needs time. */
export const fitting = (json: unknown): Schema.Schema<unknown> => {
  const { mismatch } = validatorOf(json)
  return Schema.Unknown.pipe(
    Schema.filterEffect((value) =>
      Effect.match(mismatch(value), {
        onFailure: (reason) => reason,
        onSuccess: (reason) => reason ?? true
      })
    )
  )
}

/** A number as spreadsheets write it. `0x10` is a name. */
const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i

/** The value of a cell that is not text, none if the cell is empty, and `undefined` if it stays the text that it is. */
const valueOf = (cell: string, types: ReadonlySet<unknown>): Option.Option<unknown> | undefined => {
  if (types.has("string")) return undefined
  if (cell === "") return types.has("null") ? Option.some(null) : Option.none()
  // spreadsheets write TRUE and FALSE
  if (types.has("boolean") && /^(true|false)$/i.test(cell)) return Option.some(cell.toLowerCase() === "true")
  const isNumeric = (types.has("number") || types.has("integer")) && decimal.test(cell) && Number.isFinite(Number(cell))
  return isNumeric ? Option.some(Number(cell)) : undefined
}

/** A schema, and those that it names or combines. */
const combined = (root: unknown, json: unknown, seen: Set<unknown> = new Set()): ReadonlyArray<Keywords> => {
  if (!Predicate.isRecord(json) || seen.has(json)) return []
  seen.add(json)
  const { $ref, allOf, anyOf, oneOf }: Keywords = json
  const target = typeof $ref === "string" && /^#(\/|$)/.test($ref)
    ? Option.getOrUndefined(valueAt(root, keysOfPointer($ref)))
    : undefined
  return [json, ...[target, allOf, anyOf, oneOf].flat().flatMap((part) => combined(root, part, seen))]
}

/** The values of a row of texts, as the properties of a JSON Schema say: numbers, booleans and texts. */
export const fromTexts = (json: unknown) => {
  const rows = combined(json, json)
  const typesOf = (column: string): ReadonlySet<unknown> => {
    const types = rows.flatMap(({ properties }) =>
      Predicate.isRecord(properties) && Object.hasOwn(properties, column)
        ? combined(json, properties[column]).flatMap(({ type = [] }) => type)
        : []
    )
    return new Set(types.length === 0 ? ["string"] : types)
  }
  const known = new Map<string, ReadonlySet<unknown>>()
  return (row: { readonly [column: string]: string }): unknown =>
    Record.filterMap(row, (text, column): Option.Option<unknown> => {
      const types = known.get(column) ?? typesOf(column)
      known.set(column, types)
      const typed = valueOf(text.trim(), types)
      return typed === undefined ? Option.some(text) : typed
    })
}
