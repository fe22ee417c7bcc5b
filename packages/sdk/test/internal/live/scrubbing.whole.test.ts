import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { scrubOf } from "../../../src/internal/http/request.js"

const key = "nk_test_planted8/0123456789+abcdef-ABC.x~/y"

const scrub = scrubOf(key)

const unicode = (char: string, upper = false): string => {
  const hex = char.charCodeAt(0).toString(16).padStart(4, "0")
  return `\\u${upper ? hex.toUpperCase() : hex}`
}

/** How JSON may write a character of the key. */
const writings = (char: string): FastCheck.Arbitrary<string> =>
  FastCheck.constantFrom(char, unicode(char), unicode(char, true), char === "/" ? "\\/" : char)

const written: FastCheck.Arbitrary<string> = FastCheck.tuple(...Array.from(key, writings)).map((chars) =>
  chars.join("")
)

/** As JSON within a text, so many times over. */
const nested = (json: string, times: number): string =>
  times === 0 ? json : nested(JSON.stringify(json).slice(1, -1), times - 1)

describe("scrubOf", () => {
  it("removes the key from JSON, however it is written and however deep, and what is left is JSON", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.jsonValue(), written, FastCheck.nat(2), (value, key, deep) => {
        const safe = scrub(JSON.stringify({ value, text: "<here>" }).replace("\"<here>\"", `"${nested(key, deep)}"`))
        let text = JSON.parse(safe).text
        for (let level = 0; level <= deep; level++) {
          assert.strictEqual(text, "<redacted>")
          text = JSON.parse(`"${text}"`)
        }
      })
    )
  })

  it("leaves every other text as it is", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string(), FastCheck.jsonValue(), (text, value) => {
        assert.strictEqual(scrub(text), text)
        assert.strictEqual(scrub(JSON.stringify(value)), JSON.stringify(value))
      })
    )
    for (const text of ["\\u003c \\/ \\u0041", key.slice(1), key.slice(0, -1), "\\".repeat(100_000)]) {
      assert.strictEqual(scrub(text), text)
    }
  })

  it("removes what a cut has left of the key, but not what is any key's", () => {
    for (let length = 6; length < key.length; length++) {
      assert.strictEqual(scrub.cut(`the key ${key.slice(0, length)}`), "the key <redacted>")
    }
    assert.strictEqual(scrub.cut("the key nk_test_planted8\\u002f01\\u0"), "the key <redacted>")
    assert.strictEqual(scrub.cut("the key nk_test_planted8\\"), "the key <redacted>")
    assert.strictEqual(scrub.cut("keys begin with nk_"), "keys begin with nk_")
    assert.strictEqual(scrub.cut(`${key} and more`), "<redacted> and more")
  })

  it("does nothing where there is no key", () => {
    const none = scrubOf(undefined)
    assert.strictEqual(none(key), key)
    assert.strictEqual(none.cut(key), key)
  })
})
