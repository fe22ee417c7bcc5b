import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { filled, isSame, pathText, valueAt } from "../../src/internal/values.js"

/** A value in which the keys lead to a text. */
const nested = (keys: ReadonlyArray<string | number>): unknown =>
  keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), "found")

describe("isSame", () => {
  it("tells sets and maps with other values apart", () => {
    assert.isFalse(isSame(new Set([1]), new Set([2])))
    assert.isTrue(isSame(new Set([1]), new Set([1])))
    assert.isFalse(isSame({ a: new Map([["k", 1]]) }, { a: new Map([["k", 2]]) }))
    assert.isTrue(isSame({ a: 1, b: new Map([["k", 1]]) }, { b: new Map([["k", 1]]), a: 1 }))
  })
})

describe("a path", () => {
  const value = { "No.": 1, "a b": { "x.y": [{ z: 2 }] }, list: [1, 2], "it's": 3, length: 4 }
  const at = (path: string) => Option.getOrUndefined(valueAt(value, path))

  it("names keys with dots in brackets", () => {
    assert.deepStrictEqual(
      ["[\"No.\"]", "['No.']", "a b[\"x.y\"].0.z", "[\"a b\"]['x.y'].0.z", "list.1", "it's", "length"].map(at),
      [1, 1, 2, 2, 2, 3, 4]
    )
    for (const keys of [["No."], ["a", "b"], ["a b", "x.y", 0], ["a\"b.", "[\"c"], ["", "a"]]) {
      assert.deepStrictEqual(valueAt(nested(keys), pathText(keys)), Option.some("found"), pathText(keys))
    }
  })

  it("does not have the length of a list", () => {
    assert.deepStrictEqual(["list.length", "list.2", "No.", "[\"No."].map(at), [
      undefined,
      undefined,
      undefined,
      undefined
    ])
    assert.throws(
      () => filled({ $case: "No." }, { $case: value }),
      "the case has no No.: write [\"No.\"], because its name has a dot"
    )
  })
})
