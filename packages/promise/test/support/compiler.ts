/** Compiles programs that import this package from its sources. A file that two programs share is parsed once. */
import { fileURLToPath } from "node:url"
import ts from "typescript"

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.esnext.disposable.d.ts"],
  types: ["node"],
  typeRoots: [fileURLToPath(new URL("../../../../node_modules/@types", import.meta.url))],
  customConditions: ["@effect-noukai/source", "node"],
  strict: true,
  skipLibCheck: true,
  noEmit: true
}

const parsed = new Map<string, ts.SourceFile | undefined>()

const host = ts.createCompilerHost(options)
const { getSourceFile } = host
// docstrings are half of what there is to parse
host.jsDocParsingMode = ts.JSDocParsingMode.ParseNone
host.getSourceFile = (fileName, ...rest) => {
  if (!parsed.has(fileName)) parsed.set(fileName, getSourceFile(fileName, ...rest))
  return parsed.get(fileName)
}

export const compile = (files: ReadonlyArray<string>): ts.Program => ts.createProgram(files, options, host)
