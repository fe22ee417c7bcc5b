/** What a command loads. */
import { assert, it } from "@effect/vitest"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundle } from "../../../scripts/bundle-cli.mjs"

const conditions = process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : []

it("of a run is nothing of batches, of the emulator, or of other commands", async () => {
  const folder = await mkdtemp(join(tmpdir(), "noukai-bundle-"))
  try {
    const { outputs } = (await bundle(join(folder, "dist"), conditions)).metafile!
    const seen = new Set<string>()
    const inputs: Array<string> = []
    const visit = (path: string) => {
      if (seen.has(path)) return
      seen.add(path)
      inputs.push(...Object.keys(outputs[path]!.inputs))
      for (const { external, kind, path: next } of outputs[path]!.imports) {
        if (kind === "import-statement" && external !== true) visit(next)
      }
    }
    for (const entry of ["src/main.ts", "src/commands/run/handler.ts"]) {
      const [path] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === entry) ?? []
      assert.isDefined(path, entry)
      visit(path!)
    }
    assert.include(inputs, "src/commands/run/handler.ts")
    assert.deepStrictEqual(
      inputs.filter((input) =>
        /^\.\.\/(batch|emulator)\/|csv-parse|@effect\/sql|undici\/lib\/(mock|interceptor|cache)\/|commands\/(?!run\/).*handler/
          .test(input)
      ),
      []
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
