/**
 * Reads the workflows of GitHub with GitHub's own parser: fails on wrong keys and expressions, and on an npm script that is not there.
 * Run with tsx, because the parser imports JSON in a way that Node refuses.
 */
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser"
import { files, read } from "./workspace.mjs"

const { scripts } = JSON.parse(read("package.json"))

const problems = async (path) => {
  const content = read(path)
  const { context, value } = parseWorkflow({ name: path, content }, new NoOperationTraceWriter())
  if (value !== undefined) await convertWorkflowTemplate(context, value)
  return [
    ...context.errors.getErrors().map(({ message }) => message),
    ...[...content.matchAll(/npm (?:run )?(?!ci\b)([\w:]+)/g)].filter(([, name]) => !(name in scripts))
      .map(([line]) => `${path}: ${line}: package.json has no such script`)
  ]
}

const found = (await Promise.all(files(".github/workflows").map(problems))).flat()
for (const problem of found) console.log(problem)
process.exitCode = found.length === 0 ? 0 : 1
