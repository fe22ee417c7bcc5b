import { assert, describe, it } from "@effect/vitest"
import { isSame } from "../../src/internal/values.js"

describe("isSame", () => {
  it("tells sets and maps with other values apart", () => {
    assert.isFalse(isSame(new Set([1]), new Set([2])))
    assert.isTrue(isSame(new Set([1]), new Set([1])))
    assert.isFalse(isSame({ a: new Map([["k", 1]]) }, { a: new Map([["k", 2]]) }))
    assert.isTrue(isSame({ a: 1, b: new Map([["k", 1]]) }, { b: new Map([["k", 1]]), a: 1 }))
  })
})
