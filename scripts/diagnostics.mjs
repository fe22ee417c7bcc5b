/**
 * The Effect language service over the `src` of every package. Severities are in `tsconfig.base.json`, where editors
 * read them too. Errors and warnings fail.
 *
 * It reads each file under the file's own `tsconfig.src.json`, which resolves modules as a bundler does: under
 * NodeNext, TypeScript copies the symbols of a namespace import from a package without `"type": "module"`, and most
 * diagnostics no longer recognise Effect's functions.
 */
import { spawnSync } from "node:child_process"
import { relative } from "node:path"
import { root, sources } from "./workspace.mjs"

const expected = sources().length
const { stderr, stdout } = spawnSync(
  process.execPath,
  [
    "node_modules/@effect/language-service/cli.js",
    "diagnostics",
    "--format",
    "json",
    "--project",
    "tsconfig.build.json"
  ],
  { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 }
)

const report = () => {
  try {
    return JSON.parse(stdout)
  } catch {
    console.log(`${stdout}${stderr}`)
    return { diagnostics: [], summary: { filesChecked: 0, totalFiles: 0 } }
  }
}

const { diagnostics, summary } = report()
const failures = diagnostics.filter(({ severity }) => severity !== "message")
for (const { column, file, line, message, name } of failures) {
  console.log(`${relative(root, file)}:${line}:${column} ${name}: ${message.split("\n")[0]}`)
}
// the language service passes in silence over a file that it cannot place in a project
const complete = summary.filesChecked === summary.totalFiles && summary.totalFiles >= expected
if (!complete) console.log(`checked ${summary.filesChecked} of ${expected} files`)
process.exitCode = failures.length === 0 && complete ? 0 : 1
