import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { similarity, similarityOf } from "../../src/internal/similarity.js"

/** The distance by its definition, row by row. */
const plainDistance = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): number => {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  a.forEach((one, i) => {
    const next = [i + 1]
    b.forEach((other, j) => next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (one === other ? 0 : 1))))
    row = next
  })
  return row[b.length]!
}

describe("similarity", () => {
  it("is 1 minus the share of code points that an edit changes", () => {
    assert.strictEqual(similarity("", ""), 1)
    assert.strictEqual(similarity("", "abc"), 0)
    assert.strictEqual(similarity("kitten", "sitting"), 4 / 7)
    assert.strictEqual(similarity("Dear Sir", "Dear Sir!"), 8 / 9)
    // one code point of two units
    assert.strictEqual(similarity("\u{1f600}", "\u{1f601}"), 0)
    assert.strictEqual(similarity("a\u{1f600}", "a\u{1f601}"), 0.5)
    assert.strictEqual(similarity("ab\ud800", "ab\ud801"), 2 / 3)
  })

  it("is that of the definition, of any texts", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c", "\u{1f600}", "\u{1f601}", "\ud83d", " "), { maxLength: 80 })
      .map((points) => points.join(""))
    fc.assert(fc.property(text, text, (a, b) => {
      const [one, other] = [Array.from(a), Array.from(b)]
      const longer = Math.max(one.length, other.length)
      const expected = longer === 0 ? 1 : (longer - plainDistance(one, other)) / longer
      assert.strictEqual(similarity(a, b), expected)
      assert.strictEqual(similarity(b, a), expected)
    }))
  })

  it.effect("compares long texts that differ little, and refuses those that would stop the process", () =>
    Effect.gen(function*() {
      const long = "The cat sat on the mat. ".repeat(5000)
      assert.strictEqual(similarity(long, `${long}!`), 120_000 / 120_001)
      assert.strictEqual(similarity(`${long}a${long}`, `${long}b${long}`), 240_000 / 240_001)
      const other = "abcdefgh".repeat(12_500)
      assert.isUndefined(similarity(`x${"ab".repeat(50_000)}y`, `z${other}w`))
      const outcome = yield* similarityOf([`x${long}`, `${long}y${other}`], 0.8)
      assert.include(outcome, { verdict: "error" })
      assert.match(outcome.reason, /^the texts are too long to compare: /)
      // every code point once
      const all = Array.from({ length: 0x10ffff }, (_, n) => String.fromCodePoint(n + 1)).join("")
      assert.isUndefined(similarity(`a${all}`, `${all}b`))
    }))
})
