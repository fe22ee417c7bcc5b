import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import * as Undici from "undici"
import * as Parts from "../../../src/internal/transport/undiciParts.js"

const require = createRequire(import.meta.url)

describe("the parts of undici", () => {
  it("are what undici exports", () => {
    assert.strictEqual(Parts.Client, Undici.Client)
    assert.strictEqual(Parts.buildConnector, Undici.buildConnector)
  })

  it("are of the one version that is asked for", () => {
    const { dependencies } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"))
    assert.match(dependencies.undici, /^\d+\.\d+\.\d+$/)
    assert.strictEqual(require("undici/package.json").version, dependencies.undici)
  })
})
