import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { selecting } from "../../src/internal/selection.js"

const fits = (pattern: string, key: string) =>
  Effect.map(selecting("Batch.run", { key: pattern }), (isSelected) => isSelected({ key, state: "pending" }))

/** The meaning of a pattern, for short texts. */
const meaning = (pattern: string): RegExp => {
  const source = pattern.replace(/\\([^])|[^]/gu, (char, escaped?: string) =>
    escaped === undefined && char === "*"
      ? "[^]*"
      : escaped === undefined && char === "?"
      ? "[^]"
      : (escaped ?? char).replace(/[$()*+.?[\\\]^{|}]/g, "\\$&"))
  return new RegExp(`^${source}$`, "u")
}

const text = FastCheck.array(FastCheck.constantFrom("a", "b", "*", "?", "\\", ".", "\n", "\u{1f600}"), { maxLength: 8 })
  .map((all) => all.join(""))

describe("the rows of a pattern of keys", () => {
  it.effect.prop(
    "are those that fit it",
    [text.filter((one) => one !== ""), text],
    ([pattern, key]) =>
      Effect.map(fits(pattern, key), (found) => assert.strictEqual(found, meaning(pattern).test(key))),
    {
      fastCheck: { numRuns: 100 }
    }
  )

  it.effect("are found in time, however many stars it has", () =>
    Effect.gen(function*() {
      assert.isFalse(yield* fits(`${"*a".repeat(50)}*b`, "a".repeat(512)))
      assert.isTrue(yield* fits(`${"*a".repeat(50)}*b`, `${"a".repeat(512)}b`))
    }))
})
