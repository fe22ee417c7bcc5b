/**
 * The API reference: the docstrings of every public module as pages below `docs/api`. Fails when an export has no
 * description, a link leads nowhere, or an example does not compile as a user's program would.
 */
import { join, relative } from "node:path"
import { Application, Comment, ReflectionKind } from "typedoc"
import ts from "typescript"
import { moduleName, modules, moduleSummary, options } from "./documented.mjs"
import { root } from "./workspace.mjs"

const place = ({ parent, sources }) => {
  const [source] = sources ?? parent?.sources ?? []
  return source === undefined ? "" : `${source.fileName}:${source.line}`
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
  const { options: compilerOptions } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, options.tsconfig), ts.sys.readFile).config,
    ts.sys,
    root
  )
  const host = ts.createCompilerHost({ ...compilerOptions, noUnusedLocals: false })
  const { fileExists, getSourceFile } = host
  host.fileExists = (path) => examples.has(path) || fileExists(path)
  host.getSourceFile = (path, ...rest) =>
    examples.has(path) ? ts.createSourceFile(path, examples.get(path).code, ...rest) : getSourceFile(path, ...rest)
  const program = ts.createProgram([...examples.keys()], { ...compilerOptions, noUnusedLocals: false }, host)
  return [...examples].flatMap(([path, { at }]) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => {
      const { line } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0)
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")
      return `${at}: example, line ${line + 1}: ${text}`
    })
  })
}

const app = await Application.bootstrap(options)

const project = await app.convert()
if (project === undefined) process.exit(1)
for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
  module.name = moduleName(relative(root, module.sources[0].fullFileName))
  const text = moduleSummary(module.name)
  if (text !== undefined) module.comment = new Comment([{ kind: "text", text }])
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
