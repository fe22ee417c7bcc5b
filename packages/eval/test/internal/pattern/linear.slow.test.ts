/** RE2 finds what JavaScript finds, or nothing is asked of it. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { sized } from "../../../src/internal/pattern/linear.js"

/** The characters of texts: those on which engines differ. */
const chars = [
  ..."aAbkKsS19_ -.^$\\/]{}|(é\t\n\v\f\r\0\b",
  "\u{b}",
  "\u{85}",
  "\u{a0}",
  "\u{17f}",
  "\u{180e}",
  "\u{2028}",
  "\u{2029}",
  "\u{200b}",
  "\u{212a}",
  "\u{feff}",
  "\u{1f600}",
  "\u{10ffff}",
  "\ud83d",
  "\ude00"
]

const text = FastCheck.array(FastCheck.constantFrom(...chars), { maxLength: 12 }).map((all) => all.join(""))

const escapes = [
  ..."dDwWsStnvfr0/-.".split("").map((one) => `\\${one}`),
  "\\cJ",
  "\\x41",
  "\\u0061",
  "\\u{1F600}",
  "\\ud83d\\ude00",
  "\\ud83d",
  "\\u{212A}",
  "\\p{L}",
  "\\\\"
]

const plain = ["a", "A", "b", "k", "1", "_", " ", "é", "\u{1f600}", "\n", "\u{2028}"]

const member = FastCheck.oneof(
  FastCheck.constantFrom(...plain, ...escapes, "\\b", ".", "$", "|", "-"),
  FastCheck.constantFrom("a-z", "\\0-\\x1f", "\\u{0}-\\u{10ffff}", "!-~", "\\t-\\r", "a-\\u{1F600}")
)

const set = FastCheck.tuple(FastCheck.constantFrom("", "^"), FastCheck.array(member, { maxLength: 4 }))
  .map(([negation, members]) => `[${negation}${members.join("")}]`)

const { pattern } = FastCheck.letrec<{ pattern: string; term: string }>((tie) => ({
  term: FastCheck.oneof(
    { depthSize: "small", withCrossShrink: true },
    FastCheck.constantFrom(...plain, ...escapes, ".", "^", "$", "\\b", "\\B"),
    set,
    FastCheck.tuple(
      FastCheck.constantFrom("(", "(?:", "(?<name>", "(?=", "(?!", "(?<=", "(?<!"),
      tie("pattern"),
      FastCheck.constantFrom(")", ")", ")\\1", ")\\k<name>")
    ).map((parts) => parts.join("")),
    FastCheck.tuple(
      tie("term"),
      FastCheck.constantFrom("*", "+", "?", "{2}", "{0}", "{1,}", "{0,2}", "{2,3}", "{1001}"),
      FastCheck.constantFrom("", "?")
    ).map((parts) => parts.join(""))
  ),
  pattern: FastCheck.array(FastCheck.array(tie("term"), { maxLength: 4 }), { minLength: 1, maxLength: 3 })
    .map((alternatives) => alternatives.map((terms) => terms.join("")).join("|"))
}))

const isValid = (source: string): boolean => {
  try {
    return new RegExp(source, "u") instanceof RegExp
  } catch {
    return false
  }
}

const placesOf = (source: string, text: string) =>
  Array.from(text.matchAll(new RegExp(source, "gu")), ({ 0: { length }, index }) => [index, index + length] as const)

describe("expressions in linear time", () => {
  it("match as in JavaScript, or are left to it", () => {
    let taken = 0
    FastCheck.assert(
      FastCheck.property(
        pattern.filter(isValid),
        FastCheck.array(text, { minLength: 1, maxLength: 8 }),
        (source, texts) => {
          const found = sized(source)?.linear
          if (found === undefined) return
          for (const text of texts) {
            const test = found.test(text)
            const places = found.places(text)
            if (test !== undefined) {
              taken++
              assert.strictEqual(test, new RegExp(source, "u").test(text), `/${source}/u on ${JSON.stringify(text)}`)
            }
            if (places !== undefined) {
              assert.deepStrictEqual(places, placesOf(source, text), `/${source}/gu on ${JSON.stringify(text)}`)
            }
          }
        }
      ),
      { numRuns: 2000 }
    )
    assert.isAbove(taken, 100)
  })
})
