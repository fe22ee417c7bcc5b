/**
 * Reads the workflows and the action of GitHub with GitHub's own parser: fails on wrong keys and expressions, and on an npm script that is not there.
 * Run with tsx, because the parser imports JSON in a way that Node refuses.
 */
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser"
import { parseAction } from "@actions/workflow-parser/actions/action-parser"
import { files, read } from "./workspace.mjs"

const { scripts } = JSON.parse(read("package.json"))

const problems = async (path) => {
  const content = read(path)
  const { context, value } = parseWorkflow({ name: path, content }, new NoOperationTraceWriter())
  if (value !== undefined) await convertWorkflowTemplate(context, value)
  return [
    ...context.errors.getErrors().map(({ message }) => message),
    ...[...content.matchAll(/npm (?:run )?(?!(?:ci|install)\b)([\w:]+)/g)].filter(([, name]) => !(name in scripts))
      .map(([line]) => `${path}: ${line}: package.json has no such script`)
  ]
}

const problemsOfAction = (path) =>
  parseAction({ name: path, content: read(path) }, new NoOperationTraceWriter()).context.errors.getErrors()
    .map(({ message }) => message)

const shown = ["scratchpad/eval/workflow.yml", "scratchpad/eval/gate.yml"]

const found = (await Promise.all([...files(".github/workflows"), ...shown].map(problems))).flat()
found.push(...problemsOfAction("action.yml"))
for (const problem of found) console.log(problem)
process.exitCode = found.length === 0 ? 0 : 1
