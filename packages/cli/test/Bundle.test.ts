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

/** The sources that are loaded with these entry points, before they import anything dynamically. */
const loadedWith = (...entries: ReadonlyArray<string>): ReadonlyArray<string> => {
  const seen = new Set<string>()
  const visit = (path: string) => {
    if (seen.has(path)) return
    seen.add(path)
    for (const { external, kind, path: next } of outputs[path]!.imports) {
      if (kind === "import-statement" && external !== true) visit(next)
    }
  }
  for (const entry of entries) visit(fileOf(entry))
  return [...seen].flatMap((path) => Object.keys(outputs[path]!.inputs))
}

it("of a run is nothing of batches, of the emulator, of MCP, or of other commands", () => {
  const inputs = loadedWith("src/main.ts", "src/commands/run.ts")
  assert.include(inputs, "src/commands/run.ts")
  assert.deepStrictEqual(
    inputs.filter((input) =>
      /^\.\.\/(batch|emulator|studio|mcp|promise)\/|@modelcontextprotocol|HttpServer|HttpApi|csv-parse|@effect\/sql|undici\/lib\/(mock|interceptor|cache)\/|commands\/(?!(commands|leaf|outcome|run)\.ts)/
        .test(input)
    ),
    []
  )
})

it("of a JSON Schema are loaded with the first schema alone", () => {
  const ofSchemas = (input: string) => /node_modules\/(ajv|ajv-formats)\//.test(input)
  assert.isTrue(Object.values(outputs).some(({ inputs }) => Object.keys(inputs).some(ofSchemas)))
  const entries = Object.values(outputs).flatMap(({ entryPoint }) =>
    entryPoint?.startsWith("src/") === true ? [entryPoint] : []
  )
  assert.include(entries, "src/commands/eval/run.ts")
  assert.deepStrictEqual(entries.filter((entry) => loadedWith(entry).some(ofSchemas)), [])
})

it("of MCP are those of `mcp` alone", () => {
  const commands = Object.values(outputs).flatMap(({ entryPoint }) =>
    entryPoint?.startsWith("src/commands/") === true ? [entryPoint] : []
  )
  const ofMcp = (input: string) => /^\.\.\/mcp\/|@modelcontextprotocol/.test(input)
  assert.isAbove(commands.length, 15)
  assert.deepStrictEqual(
    commands.filter((entry) => loadedWith("src/main.ts", entry).some(ofMcp)),
    ["src/commands/mcp.ts"]
  )
})
