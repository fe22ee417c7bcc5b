/** The declarations of this package as the build makes them. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { assert } from "vitest"

/** The folder of the sources. */
export const root = fileURLToPath(new URL("../../src", import.meta.url))

const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))

/** Declarations by their path in the package. Each is made of its file alone. */
export const declarations: ReadonlyMap<string, string> = new Map(sources.map((path) => {
  const { diagnostics, outputText } = ts.transpileDeclaration(readFileSync(join(root, path), "utf8"), {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: { stripInternal: true, isolatedDeclarations: true }
  })
  // classes of Effect's, which no public module names
  const found = ["internal/errors/thrown.ts", "internal/tools/abortReason.ts"].includes(path)
    ? []
    : diagnostics!.map(({ messageText }) => messageText)
  assert.deepStrictEqual(found, [], `${path} needs more than its own text`)
  return [path.replace(/\.ts$/, ".d.ts"), outputText]
}))
