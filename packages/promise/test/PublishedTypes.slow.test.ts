/**
 * The types of this package as its users see them. They need nothing of Effect, they make little work for the compiler,
 * and the surface of `@noukai/sdk` 0.3.0 exists here too: every export, every member, every option, with types that its
 * programs compile against.
 *
 * One file, because loading TypeScript and making the declarations takes longer than most of these tests.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { isWhole } from "../../sdk/test/support/size.js"
import { differences } from "./behaviour/differences.js"
import { compile } from "./support/compiler.js"
import { declarations, root } from "./support/declarations.js"
import { libraryNames } from "./support/libraries.js"
import { moduleOf, programs } from "./support/readmePrograms.js"
import { budgets, ours as budgeted, thirty, without } from "./support/typeBudgets.js"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The names that only the reference's own code needs. */
const exempt: ReadonlySet<string> = new Set([
  // the transport is ours: a value to hand to traceScope
  "Noukai._transport",
  // nobody makes them but the client
  "Flow.constructor",
  "Job.constructor",
  "Run.constructor",
  // 0.5.1 has it no longer
  "ExecuteRequest.version",
  // another version, of another package
  "VERSION",
  // what its own modules share
  "Flow._transport",
  "Flow._pathVersion"
])

/** The programs of its README, in files that are compiled with what uses its surface. */
const folder = here("../build/compiled")
const readme = programs.map((each, index) => ({ ...each, file: `${folder}/program-${index}.ts` }))
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const each of readme) writeFileSync(each.file, moduleOf(each))

const program = compile([
  here("support/publishedSurface.ts"),
  here("surface/refused.ts"),
  ...readme.map(({ file }) => file)
])
const checker = program.getTypeChecker()
const source = program.getSourceFile(here("support/publishedSurface.ts"))!

const exportsOf = (specifier: string): Map<string, ts.Symbol> => {
  const declaration = source.statements.find((statement): statement is ts.ImportDeclaration =>
    ts.isImportDeclaration(statement) && (statement.moduleSpecifier as ts.StringLiteral).text === specifier
  )!
  const module = checker.getSymbolAtLocation(declaration.moduleSpecifier)!
  return new Map(
    checker.getExportsOfModule(module).map((symbol) => [
      symbol.name,
      (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
    ])
  )
}

const published = exportsOf("@noukai/sdk")
const ours = exportsOf("@effect-noukai/promise")

const isPublic = (symbol: ts.Symbol): boolean =>
  symbol.declarations?.every((declaration) =>
    (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0
  ) ?? true

const typeOf = (symbol: ts.Symbol): ts.Type =>
  (symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias)) === 0
    ? checker.getTypeOfSymbol(symbol)
    : checker.getDeclaredTypeOfSymbol(symbol)

const membersOf = (symbol: ts.Symbol): ReadonlyArray<ts.Symbol> => {
  const type = typeOf(symbol)
  const members = type.isUnion() ? type.types.flatMap((each) => each.getProperties()) : type.getProperties()
  return members.filter(isPublic)
}

/** `a.b.c`, of the options that a function takes, and of those in them. */
const optionsOf = (name: string, type: ts.Type, depth = 0): ReadonlyArray<readonly [string, ts.Type]> =>
  depth > 2 ? [] : type.getCallSignatures().flatMap((signature) =>
    signature.getParameters().flatMap((parameter) => {
      const taken = checker.getNonNullableType(checker.getTypeOfSymbol(parameter))
      return fieldsOf(`${name}(${parameter.name})`, taken)
    })
  )

const isPlain = (type: ts.Type): boolean =>
  (type.flags & ts.TypeFlags.Object) !== 0 && type.getCallSignatures().length === 0 &&
  checker.getIndexInfosOfType(type).length === 0 && !checker.isArrayType(type) &&
  !(type.symbol?.declarations ?? []).some((declaration) =>
    program.isSourceFileDefaultLibrary(declaration.getSourceFile())
  )

const fieldsOf = (name: string, type: ts.Type): ReadonlyArray<readonly [string, ts.Type]> =>
  (type.isUnion() ? type.types : [type]).filter(isPlain).flatMap((each) =>
    each.getProperties().filter(isPublic).map((field) =>
      [`${name}.${field.name}`, checker.getTypeOfSymbol(field)] as const
    )
  )

/** The options of every function and method, by their path. */
const allOptions = (surface: Map<string, ts.Symbol>): Map<string, ts.Type> =>
  new Map(
    [...surface].flatMap(([name, symbol]) => {
      const members = (symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface)) === 0 ? [] : membersOf(symbol)
      return [
        ...optionsOf(name, checker.getTypeOfSymbol(symbol)),
        ...constructorsOf(symbol).flatMap((signature) =>
          signature.getParameters().flatMap((parameter) =>
            fieldsOf(`new ${name}(${parameter.name})`, checker.getNonNullableType(checker.getTypeOfSymbol(parameter)))
          )
        ),
        ...members.flatMap((member) => optionsOf(`${name}.${member.name}`, checker.getTypeOfSymbol(member)))
      ]
    })
  )

const constructorsOf = (symbol: ts.Symbol): ReadonlyArray<ts.Signature> =>
  (symbol.flags & ts.SymbolFlags.Class) === 0 || exempt.has(`${symbol.name}.constructor`)
    ? []
    : checker.getTypeOfSymbol(symbol).getConstructSignatures()

/** The names of options do not matter, only their places. */
const place = (path: string): string => path.replace(/\((\w+)\)/g, "()")

describe("the surface of @noukai/sdk 0.3.0", () => {
  it("is found at all", () => {
    assert.isAtLeast(published.size, 50)
    assert.isAtLeast(allOptions(published).size, 80)
  })

  for (const [name, symbol] of published) {
    it(`exports ${name}`, () => {
      const counterpart = ours.get(name)
      assert.isDefined(counterpart, `there is no export ${name}`)
      assert.strictEqual(
        (symbol.flags & ts.SymbolFlags.Value) !== 0,
        (counterpart!.flags & ts.SymbolFlags.Value) !== 0,
        `${name} is a value in one of them alone`
      )
      const members = new Set(membersOf(counterpart!).map((member) => member.name))
      const missing = membersOf(symbol).map((member) => member.name)
        .filter((member) => !exempt.has(`${name}.${member}`) && !members.has(member))
      assert.deepStrictEqual(missing, [], `missing in ${name}`)
    })
  }

  it("takes every option", () => {
    const taken = new Set([...allOptions(ours).keys()].map(place))
    const missing = [...allOptions(published).keys()].map(place)
      .filter((path) => !taken.has(path) && !exempt.has(path))
    assert.deepStrictEqual(missing, [])
  })

  it("its programs compile: options are taken as they are, results are given as they are", () => {
    const diagnostics = program.getSemanticDiagnostics(source)
      .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"))
    assert.deepStrictEqual(diagnostics, [])
  })
})

describe("the README of @noukai/sdk", () => {
  it("its programs compile, or are refused by its own types, too", () => {
    // some read the result before the status, which is refused where a paused run has no result
    const hasResult = (surface: Map<string, ts.Symbol>) =>
      typeOf(surface.get("PausedResult")!).getProperty("result") !== undefined
    assert.deepStrictEqual([hasResult(published), hasResult(ours)], [false, false])
    const refused = "Property 'result' does not exist on type 'ExecuteResult | PausedResult'."
    const diagnostics = readme.flatMap(({ file, name }) => {
      const module = program.getSourceFile(file)!
      return [...program.getSyntacticDiagnostics(module), ...program.getSemanticDiagnostics(module)].map(
        ({ messageText, start }) =>
          `${name}: ${ts.flattenDiagnosticMessageText(messageText, " ")} at ${module.text.slice(start, start! + 60)}`
      )
    })
    assert.deepStrictEqual(diagnostics.filter((one) => !one.includes(refused)), [])
  })
})

describe("the description of @noukai/sdk 0.5.1", () => {
  const described = readFileSync(here("surface/noukai-sdk-0.5.1.d.ts"), "utf8")
  const compared = readFileSync(here("surface/compare.ts"), "utf8")

  it("is compared with ours, export by export and both ways", () => {
    const names = [...described.matchAll(/^ {2}export (?:interface|type|class|const|function) (\w+)/gm)]
      .map(([, name]) => name!)
    assert.isAtLeast(names.length, 70)
    const pairs = [...compared.matchAll(/(?:typeof )?(Our|Their)\w*\.(\w+),\s+(?:typeof )?(Our|Their)\w*\.(\w+)>/g)]
      .map(([, from, left, to, right]) => `${from} ${left} ${to} ${right}`)
    const missing = names.filter((name) =>
      !pairs.includes(`Our ${name} Their ${name}`) || !pairs.includes(`Their ${name} Our ${name}`)
    )
    assert.deepStrictEqual(missing, [])
  })

  it("differs in programs that do not compile, in the words of the table", () => {
    const refused = program.getSourceFile(here("surface/refused.ts"))!
    const lines = refused.text.split("\n")
    const seen = program.getSemanticDiagnostics(refused).map(({ messageText, start }) => ({
      because: lines[refused.getLineAndCharacterOfPosition(start!).line - 1]!.replace("// row: ", ""),
      words: ts.flattenDiagnosticMessageText(messageText, " ")
    }))
    const rows = lines.flatMap((line) => line.startsWith("// row: ") ? [line.replace("// row: ", "")] : [])
    assert.deepStrictEqual(seen.map(({ because }) => because), rows)
    for (const { because, words } of seen) {
      const { ours } = differences.find((row) => row.because === because)!
      const quoted = [...ours.matchAll(/`([^`]+)`/g)].map(([, text]) => text!)
      assert.isTrue(quoted.some((text) => text.includes(" ") && words.includes(text)), `${because}: ${words}`)
    }
  })
})

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

/** A module of the sdk without Effect in its types, which a program of either client uses. */
const shared = new Set(["@effect-noukai/sdk/Webhook"])

describe("the declarations", () => {
  for (const module of modules.filter((module) => !effectSide.has(module))) {
    it(`of ${module} lead to nothing but our own public modules`, () => {
      const { files, packages } = reached(module)
      assert.deepStrictEqual([...packages].filter((name) => !shared.has(name)), [])
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

/** The programs whose work for the compiler is counted. */
const budgetFolder = here("../build/budgets")

beforeAll(() => {
  mkdirSync(budgetFolder, { recursive: true })
})

afterAll(() => rmSync(budgetFolder, { recursive: true, force: true }))

/** Compiles a program and counts its instantiations. */
const checked = (name: string, text: string) => {
  const file = `${budgetFolder}/${name}.ts`
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

for (const library of isWhole ? libraryNames : (["zod"] as const)) {
  describe(`a typed flow and three tools of ${library}`, () => {
    const { most, schemas } = budgets[library]

    it(`take at most ${mostOfOurs} instantiations more than without us, and ${most} in all`, () => {
      const alone = checked(`${library}-alone`, `${schemas}\n${without(library)}`)
      const all = checked(library, `${schemas}\n${budgeted}`)
      assert.isAtMost(all.instantiations - alone.instantiations, mostOfOurs)
      assert.isAtMost(all.instantiations, most)
      assert.strictEqual(shown(all, "done.result.score"), "number")
      assert.match(shown(all, "done.result"), /^\{ (readonly )?score: number; (readonly )?marks: /)
    })
  })
}

/** The numbers of the guide, by the name of the library there. */
const told = readFileSync(here("../../../docs/guides/typed-flows.md"), "utf8")
const names = { valibot: "Valibot", zod: "Zod", effect: "Effect", arktype: "ArkType" } as const

const flows = 30

for (const library of libraryNames) {
  it(`each of ${flows} typed flows of ${library} takes the instantiations that the guide tells, beyond its schemas`, () => {
    const [imports = "", body = ""] = budgets[library].schemas.split(/\n(?=export const parameters)/)
    const declared = Array.from(
      { length: flows },
      (_, n) =>
        body.slice(0, body.indexOf("export const a =")).replaceAll(/const (parameters|result)\b/g, `const $1${n}`)
    )
    const each = (text: (n: number) => string) => Array.from({ length: flows }, (_, n) => text(n)).join("\n")
    const alone = checked(`${library}-30-alone`, `${imports}\n${declared.join("\n")}`)
    const all = checked(`${library}-30`, `${imports}\n${declared.join("\n")}\n${thirty(each)}`)
    const found = (all.instantiations - alone.instantiations) / flows
    const said = new RegExp(`([\\d,]+) with\\s${names[library]}`).exec(told)?.[1]?.replace(",", "")
    assert.approximately(found, Number(said), Number(said) / 10)
  })
}
