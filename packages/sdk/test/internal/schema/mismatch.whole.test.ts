import { Flow } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"

class Grade extends Schema.Class<Grade>("Grade")({
  score: Schema.Int.pipe(Schema.between(0, 10)),
  when: Schema.DateFromString
}) {}

const Rating = Schema.Struct({
  score: Schema.Number,
  tags: Schema.Array(Schema.String),
  grade: Schema.optional(Grade)
})

const Shape = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("square"), side: Schema.Number }),
  Schema.Struct({ kind: Schema.Literal("text"), text: Schema.String })
)

const lineOf = (schema: Schema.Schema.AnyNoContext, value: unknown): string =>
  Either.match(Schema.decodeUnknownEither(schema, { errors: "all" })(value), {
    onLeft: Flow.formatMismatch,
    onRight: () => "it fits"
  })

/** The ways in which Effect spells out its types. */
const spelledOut = /Readonly|<->|Encoded side|Type side|readonly|\| filter|\n|Struct/

describe("Flow.formatMismatch", () => {
  const cases: ReadonlyArray<
    readonly [name: string, schema: Schema.Schema.AnyNoContext, value: unknown, line: string]
  > = [
    ["a field", Rating, { score: "7", tags: [] }, "at score: expected a number, got \"7\""],
    [
      "a kind of its own, with a character of types",
      Schema.Number.annotations({ description: "a number < 10" }),
      "x",
      "expected a number < 10, got \"x\""
    ],
    [
      "a title with a type",
      Schema.String.annotations({ identifier: "Map<string>" }),
      1,
      "expected a string (Map<string>), got 1"
    ],
    ["an enum", Schema.Enums({ a: "apple", b: "pear" }), "x", "expected \"apple\" or \"pear\", got \"x\""],
    ["a date", Schema.Date, "garbage", "expected a valid Date, got Invalid Date"],
    [
      "a field with a message for its absence",
      Schema.Struct({
        a: Schema.propertySignature(Schema.String).annotations({ missingMessage: () => "please give a" })
      }),
      {},
      "at a: please give a"
    ],
    ["an item", Rating, { score: 1, tags: ["a", 2] }, "at tags.1: expected a string, got 2"],
    ["a missing field", Rating, { score: 1 }, "at tags: is missing"],
    ["the whole", Rating, "x", "expected an object, got \"x\""],
    ["a list", Schema.Array(Grade), {}, "expected an array, got {}"],
    ["a class", Grade, null, "expected Grade, got null"],
    ["a class in a list", Schema.Array(Grade), [3], "at 0: expected Grade, got 3"],
    ["an optional class", Rating, { score: 1, tags: [], grade: "A" }, "at grade: expected Grade, got \"A\""],
    [
      "a field of an optional class, without the alternative",
      Rating,
      { score: 1, tags: [], grade: { score: 11, when: "2026-01-01" } },
      "at grade.score: expected a number between 0 and 10, got 11"
    ],
    [
      "several",
      Schema.Struct({ a: Schema.Number, b: Schema.String }),
      { a: "x", b: 1 },
      "at a: expected a number, got \"x\"; at b: expected a string, got 1"
    ],
    [
      "kinds to choose from",
      Schema.NullOr(Schema.Union(Schema.Number, Schema.String)),
      true,
      "expected a number, a string or null, got true"
    ],
    ["values to choose from", Schema.Literal("a", "b"), "c", "expected \"a\" or \"b\", got \"c\""],
    ["a discriminator", Shape, { kind: "circle" }, "at kind: expected \"square\" or \"text\", got \"circle\""],
    ["a part of a member", Shape, { kind: "square" }, "at side: is missing"],
    ["no member", Shape, 3, "expected an object, got 3"],
    [
      "a filter",
      Schema.String.pipe(Schema.minLength(3)),
      "a",
      "expected a string at least 3 character(s) long, got \"a\""
    ],
    ["a filter in a union", Schema.NullOr(Schema.NonNegative), -1, "expected a non-negative number, got -1"],
    [
      "a filter with a reason",
      Schema.Number.pipe(Schema.filter((n) => n > 3 || "must be over 3")),
      1,
      "must be over 3"
    ],
    [
      "a filter without words",
      Schema.Struct({ a: Schema.Number }).pipe(Schema.filter(({ a }) => a > 3)),
      { a: 1 },
      "expected an object (that passes its filter), got {\"a\":1}"
    ],
    [
      "a message",
      Schema.Struct({ a: Schema.Number.annotations({ message: () => "give points" }) }),
      { a: "x" },
      "at a: give points"
    ],
    [
      "a message in a union",
      Schema.NullOr(Schema.Number.annotations({ message: () => "give points" })),
      "x",
      "give points"
    ],
    [
      "a description",
      Schema.Number.annotations({ description: "points from 0 to 10" }),
      "x",
      "expected a number (points from 0 to 10), got \"x\""
    ],
    ["a title", Schema.Number.annotations({ title: "Points" }), "x", "expected a number (Points), got \"x\""],
    [
      "an identifier",
      Schema.Struct({ a: Schema.Number }).annotations({ identifier: "Points" }),
      3,
      "expected Points, got 3"
    ],
    ["the name of a union", Shape.annotations({ identifier: "Shape" }), 3, "expected Shape, got 3"],
    ["what is too much", Schema.Tuple(Schema.Number), [1, 2], "at 1: is not expected"],
    ["a set", Schema.ReadonlySet(Grade), 1, "expected an array, got 1"],
    [
      "a recursive one",
      Schema.Array(Schema.suspend((): Schema.Schema.AnyNoContext => Rating)),
      ["x"],
      "at 0: expected an object, got \"x\""
    ]
  ]
  for (const [name, schema, value, line] of cases) {
    it(`says of ${name}: ${line}`, () => assert.strictEqual(lineOf(schema, value), line))
  }

  it("cuts long values, and lists five mismatches at most", () => {
    const line = lineOf(Schema.Array(Schema.Number), Array.from({ length: 9 }, () => "x".repeat(9_000)))
    assert.strictEqual(line.match(/expected a number/g)?.length, 5)
    assert.isBelow(line.length, 1_500)
  })

  it("says of a value to encode what it is not", () => {
    const encoded = Schema.encodeUnknownEither(Schema.Struct({ grades: Schema.ReadonlySet(Grade) }))({ grades: 1 })
    assert.strictEqual(
      Either.match(encoded, { onLeft: Flow.formatMismatch, onRight: String }),
      "at grades: expected ReadonlySet, got 1"
    )
  })

  it("is one line without types of Effect, whatever the value", () => {
    const schemas: ReadonlyArray<Schema.Schema.AnyNoContext> = [
      Rating,
      Grade,
      Shape,
      Schema.Array(Grade),
      Schema.ReadonlySet(Rating),
      Schema.ReadonlyMap({ key: Schema.String, value: Grade })
    ]
    for (const schema of schemas) {
      const wrong = FastCheck.oneof(
        Arbitrary.make(Schema.Union(Schema.Number, Schema.Boolean, Schema.Null)),
        FastCheck.record({
          score: FastCheck.constant([]),
          kind: FastCheck.constant("square"),
          tags: FastCheck.constant(1)
        })
      )
      FastCheck.assert(FastCheck.property(wrong, (value) => {
        const line = lineOf(schema, value)
        assert.notMatch(line, spelledOut)
        assert.notStrictEqual(line, "it fits")
      }))
    }
  })
})
