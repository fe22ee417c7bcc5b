/**
 * The names that `@noukai/sdk` declares in its published types: `traceScope()` a function, `Flow.execute()` a method,
 * `Flow.execute(0).message` an option of its first argument, `Trace.steps` a field of what it gives, `VERSION` a value.
 */
import { fileURLToPath } from "node:url"
import ts from "typescript"

const files = ["index", "adapters/express", "adapters/nextjs"].map((module) =>
  fileURLToPath(new URL(`../../../../node_modules/@noukai/sdk/dist/${module}.d.ts`, import.meta.url))
)

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
  types: [],
  strict: true,
  skipLibCheck: true,
  noEmit: true
}

/** Nobody but the client makes these: they take its transport. */
const madeByTheClient: ReadonlySet<string> = new Set(["Flow", "Job", "Run"])

const isOfTypeScript = (symbol: ts.Symbol): boolean => symbol.name.startsWith("__@")

const nameOf = (symbol: ts.Symbol): string =>
  isOfTypeScript(symbol) ? `[Symbol.${symbol.name.slice(3, symbol.name.lastIndexOf("@"))}]` : symbol.name

/** A name that begins with an underscore is marked as internal, every time. */
const isPublic = (symbol: ts.Symbol): boolean =>
  (isOfTypeScript(symbol) || !symbol.name.startsWith("_")) &&
  (symbol.declarations ?? []).every((declaration) =>
    (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0
  )

export const publishedNames = (): ReadonlyArray<string> => {
  const host = ts.createCompilerHost(options)
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseNone
  const program = ts.createProgram(files, options, host)
  const checker = program.getTypeChecker()

  /** Of a type that the package declares; not of lists, dates, signals and the like. */
  const fieldsOf = (type: ts.Type): ReadonlyArray<ts.Symbol> => {
    const plain = checker.getNonNullableType(type)
    return (plain.isUnion() ? plain.types : [plain]).flatMap((each) =>
      (each.flags & ts.TypeFlags.Object) === 0 || each.getCallSignatures().length > 0 ||
        checker.getIndexInfosOfType(each).length > 0 || checker.isArrayType(each)
        ? []
        : each.getProperties().filter(isPublic).filter((field) =>
          (field.declarations ?? []).every((declaration) =>
            declaration.getSourceFile().fileName.includes("/@noukai/sdk/")
          )
        )
    )
  }

  const callsOf = (name: string, signatures: ReadonlyArray<ts.Signature>): ReadonlyArray<string> =>
    signatures.flatMap((signature) => [
      `${name}()`,
      ...signature.getParameters().flatMap((parameter, at) =>
        fieldsOf(checker.getTypeOfSymbol(parameter)).map((field) => `${name}(${at}).${nameOf(field)}`)
      )
    ])

  const membersOf = (name: string, type: ts.Type): ReadonlyArray<string> =>
    fieldsOf(type).flatMap((member) => {
      const signatures = checker.getTypeOfSymbol(member).getCallSignatures()
      const path = `${name}.${nameOf(member)}`
      return signatures.length === 0 ? [path] : callsOf(path, signatures)
    })

  const isError = (type: ts.Type): boolean => type.getProperties().some(({ name }) => name === "stack")

  const namesOf = (symbol: ts.Symbol): ReadonlyArray<string> => {
    const { flags, name } = symbol
    if ((flags & ts.SymbolFlags.Function) !== 0) {
      return callsOf(name, checker.getTypeOfSymbol(symbol).getCallSignatures())
    }
    if ((flags & ts.SymbolFlags.Class) !== 0) {
      const type = checker.getDeclaredTypeOfSymbol(symbol)
      if (isError(type)) return [name]
      const made = checker.getTypeOfSymbol(symbol).getConstructSignatures()
      return [...(madeByTheClient.has(name) ? [] : callsOf(`new ${name}`, made)), ...membersOf(name, type)]
    }
    if ((flags & ts.SymbolFlags.Interface) !== 0) {
      // options are arguments of functions too
      return name.endsWith("Options") ? [] : membersOf(name, checker.getDeclaredTypeOfSymbol(symbol))
    }
    return (flags & ts.SymbolFlags.Value) === 0 ? [] : [name]
  }

  return files.flatMap((file) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!
    return checker.getExportsOfModule(module).flatMap((symbol) =>
      namesOf((symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol))
    )
  })
}
