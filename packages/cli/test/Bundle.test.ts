/** The modules that a command loads. */
import { assert, it } from "@effect/vitest"
import type { Metafile } from "esbuild"
import { readFileSync } from "node:fs"

/** Of the bundle that the tests run. */
const { outputs } = JSON.parse(
  readFileSync(new URL("../build/tested/metafile.json", import.meta.url), "utf8")
) as Metafile

/** The file that an entry point became. */
const fileOf = (entry: string): string => {
  const [path] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === entry) ?? []
  assert.isDefined(path, entry)
  return path!
}

it("of a run is nothing of batches, of the emulator, of MCP, or of other commands", () => {
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
  visit(fileOf("src/main.ts"))
  visit(fileOf("src/commands/run.ts"))
  assert.include(inputs, "src/commands/run.ts")
  assert.deepStrictEqual(
    inputs.filter((input) =>
      /^\.\.\/(batch|emulator|studio|mcp|promise)\/|@modelcontextprotocol|HttpServer|HttpApi|csv-parse|@effect\/sql|undici\/lib\/(mock|interceptor|cache)\/|commands\/(?!(commands|leaf|outcome|run)\.ts)/
        .test(input)
    ),
    []
  )
})
