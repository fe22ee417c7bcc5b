import { Check } from "@effect-noukai/eval"
import { parseJson } from "@effect-noukai/sdk/kit/plainJson"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { fromTexts, mistakeText, validatorOf } from "../../src/internal/jsonSchema.js"

const mismatch = (json: unknown, value: unknown) => validatorOf(json).mismatch(value)

const mistake = (json: unknown) => Effect.map(validatorOf(json).mistake, (found) => found && mistakeText(found))

const draft7 = "http://json-schema.org/draft-07/schema#"

describe("a JSON Schema", () => {
  it.effect("has the keywords of its draft, 2020-12 or 7", () =>
    Effect.gen(function*() {
      const tuple = { prefixItems: [{ type: "number" }], items: false }
      assert.isUndefined(yield* mismatch(tuple, [1]))
      assert.strictEqual(yield* mismatch(tuple, [1, 2]), "it is [1,2], which must NOT have more than 1 items")
      const old = { $schema: draft7, items: [{ type: "number" }], additionalItems: false }
      assert.isUndefined(yield* mismatch(old, [1]))
      assert.strictEqual(yield* mismatch(old, ["a"]), "0 is \"a\", which is not a number")
      assert.match((yield* mistake({ ...old, $schema: undefined }))!, /^items must be object,boolean, not \[/)
      assert.match((yield* mistake({ $schema: draft7, prefixItems: [] }))!, /^prefixItems is not a keyword/)
      for (
        const $schema of ["https://json-schema.org/draft-07/schema", "https://json-schema.org/draft/2020-12/schema"]
      ) {
        assert.isUndefined(yield* mistake({ $schema, type: "null" }))
      }
      for (const $schema of ["http://json-schema.org/draft-04/schema#", "https://other.org/draft-07/schema", 7, null]) {
        assert.strictEqual(
          yield* mistake({ $schema, type: "null" }),
          "$schema must be that of the draft 2020-12 or of the draft 7"
        )
      }
      const closed = { allOf: [{ properties: { a: true } }], unevaluatedProperties: false }
      assert.strictEqual(yield* mismatch(closed, { a: 1, b: 2 }), "b is not a property")
    }))

  it.effect("says the place, the value and the rule in one line", () =>
    Effect.gen(function*() {
      const said: ReadonlyArray<readonly [json: unknown, value: unknown, message: string]> = [
        [{ type: ["object", "null"] }, "a\nb", "it is \"a\\nb\", which is not an object or null"],
        [{ required: ["a.b"] }, {}, "[\"a.b\"] is missing"],
        [{ required: ["constructor"] }, {}, "constructor is missing"],
        [{ properties: { a: { items: { const: 1 } } } }, { a: [1, 2] }, "a.1 is 2, not 1"],
        [{ enum: ["a", { b: 1 }] }, "c", "it is \"c\", not \"a\" or {\"b\":1}"],
        [{ oneOf: [true, { type: "number" }] }, 1, "it fits more than one of oneOf"],
        [{ oneOf: [{ type: "null" }, { type: "number" }] }, "", "it fits none of oneOf"],
        [{ not: { type: "null" } }, null, "it is null, which fits the schema of not"],
        [{ exclusiveMinimum: 1 }, 1, "it is 1, with a exclusiveMinimum of 1"],
        [{ multipleOf: 2 }, 3, "it is 3, with a multipleOf of 2"],
        [{ minItems: 1 }, [], "it is [], with a minItems of 1"],
        [{ maxProperties: 0 }, { a: 1 }, "it is {\"a\":1}, with a maxProperties of 0"],
        [{ maxLength: 1 }, "\u{1f600}\u{1f600}", "it is \"\u{1f600}\u{1f600}\", with a maxLength of 1"],
        [{ format: "email" }, "me", "it is \"me\", which has not the format email"],
        [{ format: "date" }, "2026-02-30", "it is \"2026-02-30\", which has not the format date"],
        [{ patternProperties: { "^x": { type: "null" } } }, { x1: 1 }, "x1 is 1, which is not null"],
        [{ propertyNames: { maxLength: 1 } }, { ab: 1 }, "the name \"ab\": it is \"ab\", with a maxLength of 1"],
        [{ if: { type: "number" }, then: { minimum: 5 } }, 3, "it is 3, with a minimum of 5"],
        [
          { uniqueItems: true },
          [1, 1],
          "it is [1,1], which must NOT have duplicate items (items ## 0 and 1 are identical)"
        ],
        [
          { dependentRequired: { a: ["b"] } },
          { a: 1 },
          "it is {\"a\":1}, which must have property b when property a is present"
        ],
        [false, 1, "it is 1, which boolean schema is false"]
      ]
      for (const [json, value, message] of said) assert.strictEqual(yield* mismatch(json, value), message)
      assert.isUndefined(yield* mismatch({ maxLength: 2 }, "\u{1f600}\u{1f600}"))
      assert.isUndefined(yield* mismatch({ format: "email" }, "me@example.com"))
      assert.isUndefined(yield* mismatch({ type: "null" }, null))
    }))

  it.effect("is refused with the place of its mistake", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [json: unknown, message: string | RegExp]> = [
        ["text", "must be a JSON Schema: an object or a boolean, not \"text\""],
        [{ propertis: {} }, "propertis is not a keyword of JSON Schema: did you mean properties?"],
        [{ anyOf: [{ zzz: 1 }] }, "anyOf.0.zzz is not a keyword of JSON Schema: remove it"],
        [{ properties: { a: { format: "emial" } } }, /^properties\.a\.format is "emial": the formats are date, /],
        [{ $defs: { a: { pattern: "(" } } }, "$defs.a.pattern has \"(\", which must be a regular expression"],
        [{ patternProperties: { "(": {} } }, "patternProperties has \"(\", which must be a regular expression"],
        [{ minimum: "1" }, "minimum must be number, not \"1\""],
        [{ properties: [] }, "properties must be object, not []"],
        [{ required: "a" }, "required must be array, not \"a\""],
        [{ then: { type: "null" } }, /^cannot be used: strict mode: "then" without "if" is ignored/],
        [{ $ref: "#/$defs/a" }, "$ref \"#/$defs/a\" is not in the schema, and is not loaded: add it to $defs"],
        [{ not: { $ref: "file:///etc/passwd" } }, /^not\.\$ref "file:\/\/\/etc\/passwd" is not in the schema/],
        [{ $ref: "https://json-schema.org/draft/2020-12/schema" }, /^\$ref "https.* is not in the schema/]
      ]
      for (const [json, message] of wrong) {
        const text = yield* mistake(json)
        if (typeof message === "string") assert.strictEqual(text, message)
        else assert.match(text ?? "", message)
        assert.strictEqual(yield* Effect.flip(mismatch(json, 1)), text)
      }
    }))

  it.effect("refers to its own parts, also to itself", () =>
    Effect.gen(function*() {
      const tree = {
        $defs: {
          tree: { properties: { leaf: { type: "number" }, left: { $ref: "#/$defs/tree" } }, required: ["leaf"] }
        },
        $ref: "#/$defs/tree"
      }
      assert.isUndefined(yield* mismatch(tree, { leaf: 1, left: { leaf: 2 } }))
      assert.strictEqual(
        yield* mismatch(tree, { leaf: 1, left: { leaf: "2" } }),
        "left.leaf is \"2\", which is not a number"
      )
      const named = {
        $id: "https://example.com/a",
        $defs: { b: { $id: "b", type: "null" } },
        properties: { b: { $ref: "b" } }
      }
      assert.isUndefined(yield* mismatch(named, { b: null }))
      const endless = Check.jsonSchema({ $ref: "#" })
      const run = { key: "a", flow: "a/b/c", version: "1", trial: 1, state: "done", result: 1 } as const
      const { reason, verdict } = (yield* endless.verdict({}, run))!
      assert.deepStrictEqual([verdict, reason], [
        "error",
        "the check failed: the schema cannot be used: Maximum call stack size exceeded"
      ])
    }))

  it.effect("runs no code of its texts", () =>
    Effect.gen(function*() {
      const evil = "\"); globalThis.broken = 1; (\"\u2028`${globalThis.broken = 1}*/'\\"
      const schemas = [
        { $comment: evil, title: evil, description: evil, default: evil, examples: [evil] },
        { properties: { [evil]: { const: evil } }, required: [evil], enum: [{ [evil]: evil }] },
        { $defs: { [evil]: { type: "null" } }, dependentRequired: { [evil]: [evil] }, propertyNames: { enum: [evil] } },
        { $id: `https://example.com/${encodeURIComponent(evil)}`, $anchor: "a" },
        { patternProperties: { [evil.replace(/[^\w ]/g, "\\$&").replaceAll("\\ ", " ").replace("\u2028", "")]: true } }
      ]
      for (const json of schemas) yield* Effect.either(mismatch(json, { [evil]: evil }))
      assert.notProperty(globalThis, "broken")
      assert.isUndefined(yield* mismatch(schemas[1], { [evil]: evil }))
    }))

  it.effect("checks numbers with more digits than JavaScript has", () =>
    Effect.gen(function*() {
      const value = parseJson("{\"id\":12345678901234567890}")
      const strict = { properties: { id: { type: "integer" } }, additionalProperties: false }
      assert.isUndefined(yield* mismatch(strict, value))
      assert.strictEqual(
        yield* mismatch({ properties: { id: { type: "string" } } }, value),
        "id is 12345678901234567000, which is not a string"
      )
    }))

  it.effect("fits what its types say, of any values", () =>
    Effect.gen(function*() {
      const types = {
        string: (value: unknown) => typeof value === "string",
        number: (value: unknown) => typeof value === "number",
        boolean: (value: unknown) => typeof value === "boolean",
        null: (value: unknown) => value === null,
        array: (value: unknown) => Array.isArray(value),
        object: (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value)
      }
      for (const [type, is] of Object.entries(types)) {
        const { mismatch } = validatorOf({ type })
        for (const value of fc.sample(fc.jsonValue({ noUnicodeString: false }), 50)) {
          assert.strictEqual((yield* mismatch(value)) === undefined, is(value), JSON.stringify(value))
        }
      }
    }))
})

describe("the cells of a table", () => {
  it("have the types of their columns, through references and combinations", () => {
    const schema = {
      $defs: { count: { anyOf: [{ type: "number" }, { type: "null" }] }, "a/b": { type: "boolean" } },
      allOf: [{ properties: { more: { $ref: "#/$defs/count" } } }],
      properties: {
        n: { $ref: "#/$defs/count" },
        ok: { $ref: "#/$defs/a~1b" },
        either: { oneOf: [{ type: "string" }, { type: "number" }] },
        loop: { $ref: "#/properties/loop" },
        lost: { $ref: "#/$defs/nothing" }
      }
    }
    const row = { n: "1", more: "", ok: "TRUE", either: "1", loop: "1", lost: "1", other: "1" }
    assert.deepStrictEqual(fromTexts(schema)(row), { ...row, n: 1, more: null, ok: true })
  })
})
