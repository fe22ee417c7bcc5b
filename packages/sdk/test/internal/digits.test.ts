import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { digitsLeft, digitsOf, parseJson, stringifyJson } from "../../src/internal/kit/plainJson.js"

/** Numbers of JSON whose text is kept. */
const longNumber = fc.tuple(
  fc.constantFrom("", "-"),
  fc.bigInt({ min: 10n ** 15n, max: 10n ** 45n }),
  fc.constantFrom("", ".5", ".10", ".12345678901234567890", "e5", "E+400", "e-400")
).map(([sign, digits, rest]) => `${sign}${digits}${rest}`)

const number = fc.oneof(
  longNumber,
  fc.constantFrom("0.12345678901234567890", "1e400", "-1e400", "1e-400", "-0", "-0.0", "123456789.12345678901"),
  fc.integer().map(String),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value))
)

const texts = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "\uE000",
    "\uE00012345678901234567",
    "\uE000\uE0001",
    "a\"\uE0001",
    "12345678901234567890",
    "__proto__",
    ": -0,"
  )
)

/** A text of JSON in which all numbers have many digits or few. */
const { text } = fc.letrec<{ readonly text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    texts.map((value) => JSON.stringify(value)),
    fc.constantFrom("true", "null", "\"\\ue0001234567890123456789\""),
    fc.array(tie("text"), { maxLength: 5 }).map((items) => `[${items.join(",")}]`),
    fc.dictionary(texts, tie("text"), { maxKeys: 5 }).map((entries) =>
      `{${Object.entries(entries).map(([key, item]) => `${JSON.stringify(key)}:${item}`).join(",")}}`
    )
  )
}))

const rooted = text.map((value) => `{"all":[${value}],"one":${value}}`)

/** The tokens of a text of JSON, with its texts as JavaScript writes them. */
const tokensOf = (json: string): ReadonlyArray<string> =>
  (json.match(/"(?:[^"\\]|\\.)*"|[^",:[\]{}\s]+|[[\]{},:]/g) ?? []).map((token) =>
    token.startsWith("\"") ? JSON.stringify(JSON.parse(token)) : token
  )

describe("digits", () => {
  it.prop("JSON is read as JSON.parse reads it", [rooted], ([json]) => {
    assert.deepStrictEqual(parseJson(json), JSON.parse(json))
  }, { fastCheck: { numRuns: 200 } })

  it.prop("the text of every number is written as it came", [rooted], ([json]) => {
    const value = parseJson(json)
    // an object lists keys that are numbers first, and a key once
    fc.pre(!/"\d+":/.test(json))
    const written = tokensOf(stringifyJson(value))
    const came = tokensOf(json).map((token) => /^-?\d/.test(token) && !isKept(token) ? String(Number(token)) : token)
    assert.deepStrictEqual(written, came)
    assert.deepStrictEqual(tokensOf(stringifyJson(value, undefined, 2)).length, came.length)
  }, { fastCheck: { numRuns: 200 } })

  it.prop("digits survive a store of JSON beside their value", [rooted], ([json]) => {
    const value = parseJson(json)
    const stored: unknown = JSON.parse(JSON.stringify({ value, digits: digitsOf(value) }))
    const { digits, value: read } = stored as { readonly digits: unknown; readonly value: unknown }
    assert.strictEqual(stringifyJson(read, digits), stringifyJson(value))
  })

  it("pretty JSON is that of JSON.stringify but for the digits", () => {
    const value = parseJson("{\"a\":[1,{\"b\":12345678901234567890,\"c\":{}}],\"d\":[],\"e\":\"x\\ny\"}")
    assert.strictEqual(
      stringifyJson(value, digitsOf(value), 2),
      JSON.stringify(value, null, 2).replace("12345678901234567000", "12345678901234567890")
    )
  })

  it("JSON without such numbers has no digits", () => {
    for (
      const json of [
        "[1,0.5,-0.5,1e21,\"2026-01-02T03:04:05-07:00\",\"1e1234567890123456\"]",
        "{\"a\":123456789012345}"
      ]
    ) {
      assert.isUndefined(digitsOf(parseJson(json)))
    }
  })

  it("digits of another number, or that are not a number, are not written", () => {
    const texts = ["12345678901234567891", "12345678901234567890", " 1", "0x1", "1]", "", "null", "1e"]
    for (const digits of texts) assert.strictEqual(stringifyJson([1], { 0: digits }), "[1]")
    assert.isUndefined(digitsLeft({ a: 2 }, { a: "12345678901234567890", b: "1", constructor: "1" }))
    assert.strictEqual(stringifyJson([12345678901234567000], ["12345678901234567890"]), "[12345678901234567890]")
    assert.strictEqual(stringifyJson({ a: undefined, b: [undefined] }, { b: { 0: "1" } }), "{\"b\":[null]}")
  })
})

/** Whether a token is kept to the letter. */
const isKept = (token: string): boolean => /^-?[\d.]{16}|[eE][+-]?\d{3}/.test(token) || Object.is(Number(token), -0)
