import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import * as Undici from "undici"
import * as Included from "../../../src/internal/http/undiciIncluded.js"
import * as Required from "../../../src/internal/http/undiciRequired.js"

const require = createRequire(import.meta.url)

describe("the parts of undici", () => {
  it("are what undici exports", () => {
    for (const parts of [Included.undiciParts(), Required.undiciParts()]) {
      assert.strictEqual(parts?.Pool, Undici.Pool)
      assert.strictEqual(parts?.buildConnector, Undici.buildConnector)
    }
  })

  it("are of the range that the package depends on", () => {
    const { dependencies } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"))
    assert.strictEqual(dependencies.undici, "^7.30.0")
    const [major, minor] = require("undici/package.json").version.split(".").map(Number)
    assert.strictEqual(major, 7)
    assert.isAtLeast(minor, 30)
  })
})
