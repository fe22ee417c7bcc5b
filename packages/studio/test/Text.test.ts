/** Keys in texts that leave the studio. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { masked } from "../src/internal/text.js"

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1)
const inAddress = encodeURIComponent

/** The forms in which a text may be a part of a payload. */
const forms: ReadonlyArray<(text: string) => string> = [
  (text) => text,
  inJson,
  (text) => inJson(inJson(text)),
  inAddress,
  (text) => inAddress(inJson(text)),
  (text) => inJson(inAddress(text)),
  (text) => text.replaceAll("\u001b", "\\x1b"),
  (text) => text.replaceAll("\u001b", "\\x1B"),
  (text) => text.replaceAll("\u001b", "\\033"),
  (text) => text.replaceAll("\u001b", "\\e"),
  (text) => inJson(text).replaceAll("\\u001b", "\\u001B"),
  (text) => inAddress(text).replace(/%../g, (escape) => escape.toLowerCase())
]

const part = "0123456789abcdef0123456789abcdef"

const keys = FastCheck.constantFrom(
  `nk_live_abcdefgh_${part}`,
  `nk_test_abcdefgh_${part}`,
  `nk_${part}`,
  `eyJhbGciOiJIUzI1NiJ9.${part}`
)

/** Colours as programs write them, and what `grep --color` writes before a match. */
const colours = FastCheck.oneof(
  FastCheck.array(FastCheck.nat(255), { maxLength: 5 }).map((codes) => `\u001b[${codes.join(";")}m`),
  FastCheck.constant("\u001b[01;31m\u001b[K")
)

const before = FastCheck.tuple(
  FastCheck.string({ unit: "grapheme" }),
  FastCheck.oneof(colours, FastCheck.constantFrom("\n", "\r\n", "\t", "\b", "\f", "\u0001", " ", "\"", "\\", "="))
).map(([text, last]) => text + last)

describe("a key in a text", () => {
  it("is masked after a colour, a line end or another separator, in each form of the text", () => {
    FastCheck.assert(
      FastCheck.property(before, keys, FastCheck.constantFrom(...forms), (before, key, form) => {
        assert.notInclude(masked(form(before + key)), part)
      }),
      { numRuns: 1_000 }
    )
  })

  it("is found by its word: a longer word that contains its letters stays", () => {
    for (
      const text of ["a blink_live_abcdefgh", "[31mnk_live_abcdefgh", "\\mnk_live_abcdefgh", "e[31mnk_live_abcdefgh"]
    ) {
      assert.strictEqual(masked(text), text)
    }
  })

  it("is found in time that grows with the text, not with its square", () => {
    const text = "\u001b[1;".repeat(200_000) + "nk_" + "1;".repeat(200_000) + "mnk_".repeat(100_000)
    const start = performance.now()
    masked(text)
    assert.isBelow(performance.now() - start, 2_000)
  })
})
