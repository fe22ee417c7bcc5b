/** The work that types of schemas make for the compiler, and the types that an editor shows. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { compile } from "./support/compiler.js"
import { libraryNames } from "./support/libraries.js"
import { budgets, ours, without } from "./support/typeBudgets.js"

const folder = fileURLToPath(new URL("../build/budgets", import.meta.url))

beforeAll(() => {
  mkdirSync(folder, { recursive: true })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Compiles a program and counts its instantiations. */
const checked = (name: string, text: string) => {
  const file = `${folder}/${name}.ts`
  writeFileSync(file, text)
  const program = compile([file])
  const source = program.getSourceFile(file)!
  const errors = program.getSemanticDiagnostics(source)
  assert.deepStrictEqual(errors.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")), [])
  return { program, source, instantiations: program.getInstantiationCount() }
}

/** The type that an editor shows of an expression. */
const shown = ({ program, source }: ReturnType<typeof checked>, expression: string): string => {
  const checker = program.getTypeChecker()
  const found: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (ts.isExpression(node) && node.getText(source) === expression) {
      found.push(checker.typeToString(checker.getTypeAtLocation(node)))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found[0] ?? assert.fail(`there is no ${expression}`)
}

const mostOfOurs = 3000

for (const library of libraryNames) {
  describe(`a typed flow and three tools of ${library}`, () => {
    const { most, schemas } = budgets[library]

    it(`take at most ${mostOfOurs} instantiations more than without us, and ${most} in all`, () => {
      const alone = checked(`${library}-alone`, `${schemas}\n${without(library)}`)
      const all = checked(library, `${schemas}\n${ours}`)
      assert.isAtMost(all.instantiations - alone.instantiations, mostOfOurs)
      assert.isAtMost(all.instantiations, most)
      assert.strictEqual(shown(all, "done.result.score"), "number")
      assert.match(shown(all, "done.result"), /^\{ (readonly )?score: number; (readonly )?marks: /)
    })
  })
}
