import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import {
  childAround,
  childAt,
  childrenOf,
  inSlices,
  type JsonNode,
  keyAt,
  pathBelow,
  rootOf,
  search,
  stringOf
} from "../../page/src/jsonText.js"

const finished = <A>(work: Generator<void, A>): A => {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}

/** Reads a value from the tree, node by node. */
const valueOf = (text: string, node: JsonNode): unknown => {
  if (node.kind === "string") return stringOf(text, node, Infinity).text
  if (node.kind !== "object" && node.kind !== "array") return JSON.parse(text.slice(node.start, node.end))
  const children = finished(childrenOf(text, node))
  const members = Array.from(
    { length: children.length },
    (_, nth) => [keyAt(text, children, nth), valueOf(text, childAt(text, children, nth))] as const
  )
  return node.kind === "array"
    ? members.map(([, value]) => value)
    : Object.fromEntries(members.map(([key, value]) => [key!, value]))
}

describe("jsonText", () => {
  it("has the values of any JSON, with and without spaces", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.json({ maxDepth: 5 }), FastCheck.constantFrom(0, 2, "\t"), (json, space) => {
        const value = JSON.parse(json) as unknown
        const text = JSON.stringify(value, null, space)
        assert.deepStrictEqual(valueOf(text, rootOf(text)), value)
      }),
      { numRuns: 500 }
    )
  })

  it("finds a text with the member that it is in", () => {
    const text = JSON.stringify({ a: [1, { "b c": "x\n\"Needle\" y" }], z: "needle" })
    const hits = finished(search(text, "needle"))
    assert.lengthOf(hits, 2)
    let node = rootOf(text)
    let path = ""
    while (node.kind === "object" || node.kind === "array") {
      const children = finished(childrenOf(text, node))
      const index = childAround(children, hits[0]!)!
      path = pathBelow(path, keyAt(text, children, index) ?? index)
      node = childAt(text, children, index)
    }
    assert.strictEqual(path, ".a[1][\"b c\"]")
    assert.lengthOf(finished(search(text, "\"Needle\" y")), 1)
    assert.lengthOf(finished(search(text, "\"z\":\"needle\"")), 1)
    assert.lengthOf(finished(search(text, ".*")), 0)
  })

  it("cuts a string between characters, never within an escape", () => {
    const text = JSON.stringify("\u0001\u0002\u0003 \\ \"")
    const node = rootOf(text)
    for (let most = 0; most <= text.length; most++) {
      const { isWhole, text: part } = stringOf(text, node, most)
      assert.isTrue("\u0001\u0002\u0003 \\ \"".startsWith(part), JSON.stringify(part))
      if (isWhole) assert.strictEqual(part, "\u0001\u0002\u0003 \\ \"")
    }
  })

  it("takes text that is not JSON as it is", () => {
    assert.strictEqual(rootOf("hello").kind, "text")
    assert.strictEqual(rootOf("").kind, "text")
  })

  it("ends, in slices, with text that is cut", async () => {
    for (const text of ["{\"a\":[1,2", "[\"abc", "{\"a\"", "[[[[", "{\"a\":\"\\\\\\\""]) {
      const children = await inSlices(childrenOf(text, rootOf(text)), new AbortController().signal)
      assert.isDefined(children)
    }
  })
})
