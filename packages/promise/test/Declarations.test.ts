/** The types as users without Effect see them: none of Effect's. */
import { readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import ts from "typescript"
import { assert, describe, it } from "vitest"
import { declarations, root } from "./support/declarations.js"

/** The modules whose subject is Effect. */
const effectSide: ReadonlySet<string> = new Set(["effect", "NoukaiPromise"])

const modules = readdirSync(root).filter((file) => file.endsWith(".ts")).map((file) => basename(file, ".ts"))

/** The specifiers that a text imports; the examples of its docstrings do not count. */
const specifiers = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const visit = (node: ts.Node): void => {
    const specifier = ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
      ? node.moduleSpecifier
      : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
      ? node.argument.literal
      : undefined
    if (specifier !== undefined && ts.isStringLiteral(specifier)) found.push(specifier.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("module.d.ts", text, ts.ScriptTarget.Latest))
  return found
}

/** The files of ours and the other packages that a module's declarations lead to. */
const reached = (module: string): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } => {
  const files = new Set<string>()
  const packages = new Set<string>()
  const visit = (path: string) => {
    if (files.has(path)) return
    files.add(path)
    for (const specifier of specifiers(declarations.get(path)!)) {
      if (specifier.startsWith(".")) visit(join(dirname(path), specifier.replace(/\.js$/, ".d.ts")))
      else packages.add(specifier)
    }
  }
  visit(`${module}.d.ts`)
  return { files, packages }
}

describe("the declarations", () => {
  for (const module of modules.filter((module) => !effectSide.has(module))) {
    it(`of ${module} lead to nothing but our own public modules`, () => {
      const { files, packages } = reached(module)
      assert.deepStrictEqual([...packages], [])
      assert.deepStrictEqual([...files].filter((path) => path.startsWith("internal/")), [])
    })
  }

  it("of the entry point hold what is private by name alone", () => {
    const noukai = declarations.get("Noukai.d.ts")!
    assert.include(noukai, "private readonly client;")
    assert.notInclude(noukai, "Client)")
    assert.match(noukai, /constructor\(options\?: NoukaiOptions\);/)
  })

  it("of the Effect side are the only ones that need it", () => {
    assert.isTrue(reached("effect").packages.has("effect/ManagedRuntime"))
  })
})

describe("the sources", () => {
  it("import no module of Node, but for types", () => {
    for (
      const file of readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))
    ) {
      const values = readFileSync(join(root, file), "utf8").split("\n")
        .filter((line) => /^import (?!type)/.test(line) && /"(node:|async_hooks)/.test(line))
      assert.deepStrictEqual(values, [], file)
    }
  })
})
