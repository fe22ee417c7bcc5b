/**
 * The API reference: the docstrings of every public module as pages below `docs/api`. Fails when an export has no
 * description, a link leads nowhere, or an example does not compile as a user's program would.
 */
import { join, relative } from "node:path"
import { Application, Comment, ReflectionKind } from "typedoc"
import ts from "typescript"
import { libraries, read, root, sources } from "./workspace.mjs"

const tsconfig = "tsconfig.docs.json"

const packages = libraries()

/** The name under which a module is imported: `@effect-noukai/sdk/Flow`. */
const moduleName = (path) => {
  const { folder, name } = packages.find(({ folder }) => path.startsWith(`${folder}/`))
  return path.slice(`${folder}/src/`.length).replace(/\.ts$/, "").replace(/^(?!index$)/, `${name}/`)
    .replace(/^index$/, name)
}

const modules = new Map(
  sources().filter((path) =>
    packages.some(({ folder }) => path.startsWith(`${folder}/`)) && !path.includes("/src/internal/")
  ).map((path) => [moduleName(path), path])
)

const place = ({ parent, sources }) => {
  const [source] = sources ?? parent?.sources ?? []
  return source === undefined ? "" : `${source.fileName}:${source.line}`
}

/** A module's docstring is the first of its file. */
const describeModule = (module) => {
  const [, text] = /^\/\*\*\n([\s\S]*?)\n \*\//m.exec(read(modules.get(module.name))) ?? []
  if (text === undefined) return
  const summary = text.split("\n").map((line) => line.replace(/^ \* ?/, "")).filter((line) => !line.startsWith("@"))
  module.comment = new Comment([{ kind: "text", text: summary.join("\n").trim() }])
}

const isDescribed = (reflection) =>
  [reflection, ...(reflection.signatures ?? [])].some(({ comment }) =>
    comment?.summary.some(({ text }) => text.trim() !== "")
  )

/**
 * The exports without a word on what they are. Of a schema and its type, or of a class and its namespace, which have one
 * name, one is enough.
 */
const undescribed = (project) => {
  const kinds = ReflectionKind.Module | ReflectionKind.Namespace | ReflectionKind.Class | ReflectionKind.Interface |
    ReflectionKind.TypeAlias | ReflectionKind.Variable | ReflectionKind.Function
  return project.getReflectionsByKind(kinds).filter((reflection) => {
    const siblings = reflection.parent?.children?.filter(({ name }) => name === reflection.name) ?? []
    return ![reflection, ...siblings].some(isDescribed)
  })
}

const fence = /```ts\n([\s\S]*?)```/g

/** The programs of the docstrings, with their places, by the path that they are compiled under. */
const examplesOf = (project) => {
  const found = new Map()
  for (const reflection of project.getReflectionsByKind(ReflectionKind.All)) {
    const { blockTags = [], summary = [] } = reflection.comment ?? {}
    const text = [...summary, ...blockTags.flatMap(({ content }) => content)].map(({ text }) => text).join("")
    if (!place(reflection).startsWith("packages/")) continue // inherited, from Effect
    for (const [, code] of text.matchAll(fence)) found.set(code, reflection)
  }
  return new Map(
    [...found].map((
      [code, reflection],
      index
    ) => [join(root, `example-${index}.ts`), { at: `${place(reflection)} ${reflection.name}`, code }])
  )
}

/** The compiler's messages about them, as about files at the root. */
const compile = (examples) => {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, tsconfig), ts.sys.readFile).config,
    ts.sys,
    root
  )
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false })
  const { fileExists, getSourceFile } = host
  host.fileExists = (path) => examples.has(path) || fileExists(path)
  host.getSourceFile = (path, ...rest) =>
    examples.has(path) ? ts.createSourceFile(path, examples.get(path).code, ...rest) : getSourceFile(path, ...rest)
  const program = ts.createProgram([...examples.keys()], { ...options, noUnusedLocals: false }, host)
  return [...examples].flatMap(([path, { at }]) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => {
      const { line } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0)
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")
      return `${at}: example, line ${line + 1}: ${text}`
    })
  })
}

const app = await Application.bootstrap({
  name: "Effect SDK for Noukai",
  entryPoints: [...modules.values()],
  tsconfig,
  readme: "none",
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  gitRevision: "main",
  sourceLinkTemplate: "https://github.com/effect-noukai/effect-noukai/blob/{gitRevision}/{path}#L{line}",
  skipErrorChecking: true, // `npm run check` does it
  validation: { invalidLink: true, notDocumented: false, notExported: false }
})

const project = await app.convert()
if (project === undefined) process.exit(1)
for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
  module.name = moduleName(relative(root, module.sources[0].fullFileName))
  describeModule(module)
}
app.validate(project)

const examples = examplesOf(project)
const problems = [
  ...undescribed(project).map((reflection) => `${place(reflection)}: ${reflection.getFullName()} has no description`),
  ...compile(examples)
]
await app.generateDocs(project, join(root, "docs/api"))

for (const problem of problems) console.error(problem)
console.log(`docs/api/index.html: ${modules.size} modules, ${examples.size} examples compiled`)
if (problems.length > 0 || app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
