/** The differences of values: JSON by path, text by words. */
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc, Schema } from "effect"

const lines = (before: unknown, after: unknown) =>
  ValueDiff.changes(before, after).map((change) => ValueDiff.toText(change))

const text = fc.array(fc.constantFrom("a", "b", "one", "two", " ", "\n", ".", "é", "𝒳", "漢字"), { maxLength: 30 })
  .map((parts) => parts.join(""))

describe("ValueDiff.changes", () => {
  it("names each place in which two values differ, whatever the order of fields", () => {
    assert.deepStrictEqual(
      lines({ score: 7, list: [1, 2], "a b": true, same: {} }, { same: {}, list: [1, 3, 4], score: 8, note: null }),
      [
        "$[\"a b\"]: was true, is nothing",
        "$.list[1]: was 2, is 3",
        "$.list[2]: was nothing, is 4",
        "$.note: was nothing, is null",
        "$.score: was 7, is 8"
      ]
    )
    assert.deepStrictEqual(lines([], {}), ["$: was [], is {}"])
    assert.deepStrictEqual(lines(undefined, 1), ["$: was nothing, is 1"])
  })

  it.prop(
    "equal values have no changes, and every change fits its schema",
    [fc.jsonValue(), fc.jsonValue()],
    ([a, b]) => {
      assert.deepStrictEqual(
        ValueDiff.changes(a, JSON.parse(JSON.stringify(a).replace(/(?<![\d.])-0(?![\d.])/g, "0"))).filter(
          ({ expected }) => expected !== 0
        ),
        []
      )
      const changes = ValueDiff.changes(a, b)
      assert.deepStrictEqual(Schema.decodeUnknownSync(Schema.Array(ValueDiff.Change))(changes), changes)
    }
  )

  it("returns at most `limit` changes of large and of deep values", () => {
    const large = Array.from({ length: 100_000 }, (_, index) => index)
    assert.lengthOf(ValueDiff.changes(large, large.map((one) => one + 1), { limit: 3 }), 3)
    const deep = (inmost: unknown): unknown => {
      let value = inmost
      for (let depth = 0; depth < 20_000; depth++) value = [value]
      return value
    }
    const [change, ...others] = ValueDiff.changes(deep(1), deep(2))
    assert.deepStrictEqual([others, change!.expected, change!.actual], [[], 1, 2])
    assert.deepStrictEqual(ValueDiff.changes(deep(1), deep(1)), [])
  })

  it("long texts with words in common are one line, other values are cut", () => {
    const long = "The cat sat on the mat and looked at the dog. "
    const [change] = ValueDiff.changes({ note: `${long}${long}${long}end` }, { note: `${long}A ${long}${long}end` })
    assert.strictEqual(
      change!.words,
      "The cat sat on the mat and looked at the dog. {+A +}The cat sat on the mat and loo…"
    )
    assert.strictEqual(ValueDiff.toText(change!), `$.note: ${change!.words}`)
    const [cut] = ValueDiff.changes("x".repeat(200), "y".repeat(200))
    assert.strictEqual(
      ValueDiff.toText(cut!, { expected: "expected", actual: "got" }),
      `$: expected "${"x".repeat(119)}…, got "${"y".repeat(119)}…`
    )
  })
})

describe("ValueDiff.words", () => {
  it("pairs the words that stayed, and joins changes that follow each other", () => {
    assert.deepStrictEqual(ValueDiff.words("a quick brown fox", "a slow red fox, here"), [
      { kind: "same", text: "a " },
      { kind: "removed", text: "quick brown" },
      { kind: "added", text: "slow red" },
      { kind: "same", text: " fox" },
      { kind: "added", text: ", here" }
    ])
    assert.deepStrictEqual(ValueDiff.words("", ""), [])
    // languages without spaces have words too
    assert.deepStrictEqual(ValueDiff.words("我喜欢猫", "我喜欢狗").map(({ kind }) => kind), [
      "same",
      "removed",
      "added"
    ])
  })

  it.prop("the parts make both texts", [text, text], ([a, b]) => {
    const parts = ValueDiff.words(a, b)
    const without = (kind: string) => parts.filter((part) => part.kind !== kind).map(({ text }) => text).join("")
    assert.deepStrictEqual([without("added"), without("removed")], [a, b])
    for (const [index, { kind }] of parts.entries()) assert.notStrictEqual(kind, parts[index + 1]?.kind)
  })

  it("long texts are compared by lines, and different ones change as a whole", () => {
    const page = (changed: number) =>
      Array.from({ length: 5_000 }, (_, line) => `line ${line}${line === changed ? "!" : ""}\n`).join("")
    assert.deepStrictEqual(ValueDiff.words(page(10), page(-1)).slice(1, 3), [
      { kind: "removed", text: "line 10!\n" },
      { kind: "added", text: "line 10\n" }
    ])
    const [a, b] = ["x", "y"].map((letter) => Array.from({ length: 9_000 }, (_, n) => `${letter}${n}\n`).join(""))
    assert.deepStrictEqual(ValueDiff.words(`same\n${a}`, `same\n${b}`), [
      { kind: "same", text: "same\n" },
      { kind: "removed", text: a! },
      { kind: "added", text: b! }
    ])
  })
})
