/** Compiles programs that import this package, against the declarations that it publishes. */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { declarations } from "./declarations.js"

/** A folder that is nowhere but here. */
const published = fileURLToPath(new URL("../../build/published", import.meta.url))

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.esnext.disposable.d.ts"],
  types: ["node"],
  typeRoots: [fileURLToPath(new URL("../../../../node_modules/@types", import.meta.url))],
  paths: { "@effect-noukai/promise": [join(published, "index.d.ts")] },
  strict: true,
  skipLibCheck: true,
  noEmit: true
}

const files = new Map([...declarations].map(([path, text]) => [join(published, path), text]))

const host = ts.createCompilerHost(options)
const { directoryExists, fileExists, readFile } = host
// docstrings are half of what there is to parse
host.jsDocParsingMode = ts.JSDocParsingMode.ParseNone
host.fileExists = (path) => files.has(path) || fileExists(path)
host.readFile = (path) => files.get(path) ?? readFile(path)
host.directoryExists = (path) => path.startsWith(published) || directoryExists!(path)

// programs share what they have parsed
const { getSourceFile } = host
const parsed = new Map<string, ts.SourceFile | undefined>()
host.getSourceFile = (path, ...rest) => {
  if (!parsed.has(path)) parsed.set(path, getSourceFile(path, ...rest))
  return parsed.get(path)
}

export const compile = (programs: ReadonlyArray<string>): ts.Program => ts.createProgram(programs, options, host)
