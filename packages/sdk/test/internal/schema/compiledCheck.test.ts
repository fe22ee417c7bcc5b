import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, FastCheck, Schema } from "effect"
import { compiledCheck } from "../../../src/internal/http/sse.js"
import { WireEvent } from "../../../src/internal/operations/wireEvent.js"
import { size } from "../../support/size.js"

const Tree: Schema.Schema<Tree> = Schema.Struct({
  value: Schema.Number,
  left: Schema.optional(Schema.suspend((): Schema.Schema<Tree> => Tree))
})
interface Tree {
  readonly value: number
  readonly left?: Tree | undefined
}

/** Everything that wire schemas are made of, and what is left to `Schema.is`. */
const schemas: { readonly [name: string]: Schema.Schema.AnyNoContext } = {
  ...Object.fromEntries(WireEvent.members.map((member) => [String(member.fields.type.literals), member])),
  "the union": WireEvent,
  "required undefined": Schema.Struct({ a: Schema.UndefinedOr(Schema.String), b: Schema.Boolean }),
  "exact optional": Schema.Struct({ a: Schema.optionalWith(Schema.String, { exact: true }) }),
  "record of numbers": Schema.Record({ key: Schema.String, value: Schema.Number }),
  "struct and record": Schema.Struct({ a: Schema.Number }, Schema.Record({ key: Schema.String, value: Schema.Number })),
  "no fields": Schema.Struct({}),
  "array of structs": Schema.Array(Schema.Struct({ id: Schema.String, n: Schema.NullOr(Schema.Int) })),
  "a tuple": Schema.Tuple(Schema.String, Schema.Number),
  "a non-empty array": Schema.NonEmptyArray(Schema.String),
  "a refined struct": Schema.Struct({ a: Schema.Number, b: Schema.Number }).pipe(Schema.filter(({ a, b }) => a <= b)),
  "a recursive struct": Tree,
  "a template": Schema.TemplateLiteral("ex-", Schema.Number),
  "a date": Schema.DateFromSelf
}

const junk = FastCheck.oneof(
  FastCheck.anything(),
  FastCheck.constantFrom(undefined, null, "", "x", 0, -1, 1.5, NaN, true, [], {}, ["x"], { type: "unknown" })
)

/** A value with one place, at any depth, made into something else or taken away. */
const mutated = (value: unknown): FastCheck.Arbitrary<unknown> => {
  if (typeof value !== "object" || value === null) return junk
  const keys = Object.keys(value)
  if (keys.length === 0) return FastCheck.oneof(junk, FastCheck.constant(value))
  const put = (key: string, inner: unknown): unknown =>
    Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner }
  return FastCheck.constantFrom(...keys).chain((key) =>
    FastCheck.oneof(
      mutated((value as Record<string, unknown>)[key]).map((inner) => put(key, inner)),
      FastCheck.constant(Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))),
      FastCheck.tuple(FastCheck.string(), junk).map(([name, extra]) => ({ ...value, [name]: extra }))
    )
  )
}

/** `Schema.is`, which throws for a union whose discriminator is an object that cannot become a string: it does not fit. */
const isOf = (schema: Schema.Schema.AnyNoContext) => {
  const is = Schema.is(schema)
  return (u: unknown): boolean => {
    try {
      return is(u)
    } catch (error) {
      assert.match(String(error), /Cannot convert object to primitive value/)
      return false
    }
  }
}

describe("compiledCheck", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    const is = isOf(schema)
    const check = compiledCheck(schema)
    const fitting = Arbitrary.make(schema)

    it(`agrees with Schema.is on arbitrary and mutated values: ${name}`, () => {
      FastCheck.assert(
        FastCheck.property(fitting, (value) => {
          assert.isTrue(check(value))
        }),
        { numRuns: size(200, 25) }
      )
      FastCheck.assert(
        FastCheck.property(fitting.chain(mutated), (value) => {
          assert.strictEqual(check(value), is(value))
        }),
        { numRuns: size(500, 40) }
      )
      FastCheck.assert(
        FastCheck.property(junk, (value) => {
          assert.strictEqual(check(value), is(value))
        }),
        { numRuns: size(200, 25) }
      )
    })
  }

  it("takes a discriminator that cannot become a string for one that does not fit", () => {
    const value: unknown = JSON.parse(`{"type":{"toString":[],"valueOf":[]},"stepId":"a"}`)
    assert.isFalse(compiledCheck(WireEvent)(value))
    assert.isFalse(isOf(WireEvent)(value))
  })

  it("sees inherited fields as Schema.is does: not at all", () => {
    const schema = Schema.Struct({ a: Schema.String, b: Schema.optional(Schema.String) })
    for (const value of [Object.create({ a: "x" }), Object.assign(Object.create({ b: 1 }), { a: "x" })]) {
      assert.strictEqual(compiledCheck(schema)(value), Schema.is(schema)(value))
    }
  })
})
