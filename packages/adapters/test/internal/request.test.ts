import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { isExcluded, pathOf, requestedSession } from "../../src/internal/sessions/request.js"

describe("replay-headers: the session that a request asks for", () => {
  it("blank values are none", () => {
    for (const blank of [undefined, null, "", " ", "\t", ",", " , x", []]) assert.isUndefined(requestedSession(blank))
  })

  it.prop("repeated or joined, the first value counts", [
    fc.uuid(),
    fc.array(fc.string().filter((text) => !text.includes(","))),
    fc.constantFrom("", " ", "\t")
  ], ([id, others, space]) => {
    assert.strictEqual(requestedSession([`${space}${id}${space}`, ...others]), id)
    assert.strictEqual(requestedSession([`${space}${id}${space}`, ...others].join(",")), id)
  })
})

describe("excluded paths", () => {
  it("the path of a target", () => {
    const targets: ReadonlyArray<readonly [string, string]> = [
      ["/a/b?c=/d", "/a/b"],
      ["/a#b", "/a"],
      ["http://host:1/a?b", "/a"],
      ["https://host", "/"],
      ["", "/"],
      ["?a", "/"],
      ["*", "*"],
      ["/http://host/a", "/http://host/a"]
    ]
    for (const [target, path] of targets) assert.strictEqual(pathOf(target), path)
  })

  it("a text is the path and what is below it", () => {
    const exclude = ["/health", "/static/"]
    for (const path of ["/health", "/health?x", "/health/live", "/static/a"]) assert.isTrue(isExcluded(exclude, path))
    for (const path of ["/healthy", "/", "/a/health", "/static"]) assert.isFalse(isExcluded(exclude, path))
  })

  it("a pattern, also a global one, and a function", () => {
    const pattern = /\.png$/g
    for (let n = 0; n < 3; n++) assert.isTrue(isExcluded([pattern], "/a.png"))
    assert.isFalse(isExcluded([pattern], "/a.png/b"))
    assert.isTrue(isExcluded((path) => path === "/a", "/a?b"))
    assert.isFalse(isExcluded(undefined, "/a"))
  })
})
