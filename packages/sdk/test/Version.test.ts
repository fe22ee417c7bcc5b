import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { version } from "../src/internal/options/headers.js"

it("the version that is sent is the package's, and all packages have it", () => {
  for (const name of ["sdk", "promise", "adapters", "emulator", "batch", "cli"]) {
    const text = readFileSync(new URL(`../../${name}/package.json`, import.meta.url), "utf8")
    assert.strictEqual((JSON.parse(text) as { readonly version: string }).version, version)
  }
})
