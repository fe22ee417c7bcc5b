import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { anyText } from "../../../sdk/test/support/fuzz.js"
import { parseBody } from "../../src/internal/relay/parseBody.js"

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
    : 0

const limits = { maxDepth: 4, maxMessages: 2 }

const json = "application/json"

describe("relays: parsing", () => {
  it.prop("an object within the limits is what JSON.parse gives; a deeper one is refused", [
    fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 }))
  ], ([value]) => {
    const text = JSON.stringify(value)
    const parsed = parseBody(text, json, { maxDepth: 4, maxMessages: Infinity })
    if (depthOf(JSON.parse(text)) > 4) assert.deepStrictEqual(parsed, Either.left("INVALID_JSON"))
    else assert.deepStrictEqual(parsed, Either.right(JSON.parse(text)))
  })

  it.prop(
    "any text at all gives an object or a problem, and never throws",
    [anyText()],
    ([text]) => {
      const parsed = parseBody(text, json, limits)
      if (Either.isRight(parsed)) assert.isObject(parsed.right)
      else assert.include(["INVALID_JSON", "TOO_MANY_MESSAGES"], parsed.left)
    }
  )

  it.prop("text made of brackets and quotes too", [
    fc.array(fc.constantFrom("{", "}", "[", "]", "\"", "\\", ":", ",", "a", "1")).map((parts) => parts.join(""))
  ], ([text]) => {
    const parsed = parseBody(text, json, { maxDepth: 3, maxMessages: 2 })
    if (Either.isRight(parsed) && text !== "") assert.isAtMost(depthOf(parsed.right), 3)
  })

  it("a key of the prototype is a key like any other", () => {
    const parsed = parseBody("{\"__proto__\":{\"admin\":true}}", json, limits)
    assert.isTrue(Either.isRight(parsed))
    const body = Either.getOrThrow(parsed)
    assert.isUndefined(body.admin)
    assert.strictEqual(JSON.stringify(body), "{\"__proto__\":{\"admin\":true}}")
  })
})
