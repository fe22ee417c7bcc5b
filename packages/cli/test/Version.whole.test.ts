/** The version of the command. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { version } from "../src/version.js"
import { spawned } from "./support/command.js"

it.live("is that of the package, and is said alone", () =>
  Effect.gen(function*() {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string
    }
    assert.strictEqual(version, manifest.version)
    assert.deepStrictEqual(yield* spawned(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" })
  }))
