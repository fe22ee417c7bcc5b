import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, ParseResult, Schema } from "effect"
import { compiledEncoder } from "../../../src/internal/schema/compiledEncoder.js"
import { size } from "../../support/size.js"

const compiled: { readonly [name: string]: Schema.Schema.AnyNoContext } = {
  "plain fields": Schema.Struct({ a: Schema.String, b: Schema.Number, c: Schema.Boolean }),
  "literals and unions": Schema.Struct({
    level: Schema.Literal("easy", "hard"),
    note: Schema.NullOr(Schema.String),
    size: Schema.Union(Schema.Number, Schema.Literal("auto", true))
  }),
  "optional fields": Schema.Struct({
    a: Schema.optional(Schema.String),
    b: Schema.optionalWith(Schema.Number, { exact: true }),
    c: Schema.UndefinedOr(Schema.String)
  }),
  "names that are numbers": Schema.Struct({ b: Schema.String, 1: Schema.String })
}

const left: { readonly [name: string]: Schema.Schema.AnyNoContext } = {
  "a transformed field": Schema.Struct({ a: Schema.NumberFromString }),
  "a date": Schema.Struct({ a: Schema.Date }),
  "a renamed field": Schema.Struct({ a: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("b")) }),
  "a default": Schema.Struct({ a: Schema.optionalWith(Schema.Number, { default: () => 1 }) }),
  "a struct in a struct": Schema.Struct({ a: Schema.Struct({ b: Schema.String }) }),
  "a list": Schema.Struct({ a: Schema.Array(Schema.String) }),
  "a record": Schema.Record({ key: Schema.String, value: Schema.String }),
  "a filter": Schema.Struct({ a: Schema.String }).pipe(Schema.filter(({ a }) => a !== "")),
  "a union of structs": Schema.Union(Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String })),
  "an unknown field": Schema.Struct({ a: Schema.Unknown }),
  "a field of a prototype": Schema.Struct({ ["__proto__"]: Schema.String }),
  "options of its own": Schema.Struct({ a: Schema.String }).annotations({
    parseOptions: { onExcessProperty: "error" }
  }),
  "no fields": Schema.Struct({})
}

const changed = (value: unknown): FastCheck.Arbitrary<unknown> =>
  typeof value !== "object" || value === null || Object.keys(value).length === 0
    ? FastCheck.anything()
    : FastCheck.constantFrom(...Object.keys(value)).chain((key) =>
      FastCheck.oneof(
        changed((value as Record<string, unknown>)[key]).map((inner) => ({ ...value, [key]: inner })),
        FastCheck.constant(Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))),
        FastCheck.tuple(FastCheck.string(), FastCheck.anything()).map(([name, extra]) => ({ [name]: extra, ...value }))
      )
    )

describe("compiledEncoder", () => {
  for (const [name, schema] of Object.entries(compiled)) {
    const encode = compiledEncoder(schema)!
    const reference = ParseResult.encodeUnknownEither(schema, { errors: "all" })

    it(`gives what the schema's own encoder gives, in its order, or nothing: ${name}`, () => {
      FastCheck.assert(
        FastCheck.property(Arbitrary.make(schema), (value) => {
          const encoded = encode(value)
          assert.isDefined(encoded)
          assert.deepStrictEqual(encoded, Either.getOrThrow(reference(value)))
          assert.deepStrictEqual(Object.keys(encoded!), Object.keys(Either.getOrThrow(reference(value))))
        }),
        { numRuns: size(200, 60) }
      )
      FastCheck.assert(
        FastCheck.property(FastCheck.oneof(Arbitrary.make(schema).chain(changed), FastCheck.anything()), (value) => {
          const encoded = encode(value)
          if (encoded !== undefined) assert.deepStrictEqual(encoded, Either.getOrThrow(reference(value)))
        }),
        { numRuns: size(500, 100) }
      )
    })
  }

  for (const [name, schema] of Object.entries(left)) {
    it(`leaves other schemas to their own encoder: ${name}`, () => {
      assert.isUndefined(compiledEncoder(schema))
    })
  }
})
